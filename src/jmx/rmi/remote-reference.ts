import { ByteQueue } from "../serialization/byte-queue.ts";
import { type AnnotationItem, isRawObject, partOf, type RawObject, type RawValue } from "../serialization/graph.ts";
import { malformed } from "../serialization/malformed.ts";
import { int, parseAll, u1, utf } from "../serialization/parse.ts";

/** long number, then a UID of int, long, short: copied, never looked into. */
const objectIdLength = 22;

/** An exported object of a server: which one it is, and where calls to it go. */
export interface RemoteReference {
  readonly host: string;
  readonly port: number;
  readonly objectId: Buffer;
  /** Whether its socket factory is the one for TLS. */
  readonly tls: boolean;
}

/** The registry is the same object in every server. */
export const registryObjectId: Buffer = Buffer.alloc(objectIdLength);

const tlsFactory = "javax.rmi.ssl.SslRMIClientSocketFactory";

/**
 * The reference within a stub, which is an object of a generated class or a dynamic proxy; both end in
 * java.rmi.server.RemoteObject, whose extra data is
 *
 *     UTF reference class, then
 *     UnicastRef:  UTF host, int port
 *     UnicastRef2: u1 format, UTF host, int port, and with format 1 the client socket factory as an object
 *     then ObjID (22 bytes), u1 unused
 *
 * Throws `protocol` for anything else.
 */
export function parseStub(stub: RawValue): RemoteReference {
  const part = isRawObject(stub) ? partOf(remoteObjectOf(stub), "java.rmi.server.RemoteObject") : undefined;
  if (part === undefined) throw malformed("no reference to a remote object where one must be");
  const [head, factory, tail] = splitAtFactory(part.annotation);
  try {
    return parseReference(head, factory, tail);
  } catch (error) {
    if (error instanceof RangeError) throw malformed("a reference to a remote object is cut short");
    throw error;
  }
}

/** A dynamic proxy keeps its reference in its invocation handler. */
function remoteObjectOf(stub: RawObject): RawObject {
  const handler = partOf(stub, "java.lang.reflect.Proxy")?.fields.get("h");
  return isRawObject(handler) ? handler : stub;
}

function splitAtFactory(items: readonly AnnotationItem[]): [head: Buffer, factory: RawValue, tail: Buffer] {
  const [head, factory, tail] = items;
  const bytes = Buffer.isBuffer(head) ? head : Buffer.alloc(0);
  return [bytes, Buffer.isBuffer(factory) ? null : (factory ?? null), Buffer.isBuffer(tail) ? tail : Buffer.alloc(0)];
}

function parseReference(head: Buffer, factory: RawValue, tail: Buffer): RemoteReference {
  const input = new ByteQueue();
  input.push(head);
  input.push(tail);
  const kind = parseAll(utf(input));
  if (kind !== "UnicastRef" && kind !== "UnicastRef2") throw malformed(`a remote reference of unknown kind '${kind}'`);
  if (kind === "UnicastRef2") parseAll(u1(input));
  const stubHost = parseAll(utf(input));
  const port = parseAll(int(input));
  if (port < 1 || port > 65535) throw malformed(`a remote reference with port ${port}`);
  const factoryObject = isRawObject(factory) ? factory : undefined;
  return {
    host: localAddressOf(factoryObject) ?? stubHost,
    port,
    objectId: Buffer.from(input.take(objectIdLength)),
    tls: factoryObject?.descriptor.name === tlsFactory,
  };
}

/** A factory of a class of its own is taken for plain TCP, to the address it is bound to when it has one. */
function localAddressOf(factory: RawObject | undefined): string | undefined {
  for (const { fields } of factory?.data ?? []) {
    const address = fields.get("localAddress");
    if (typeof address === "string") return address;
  }
  return undefined;
}
