import type { RemoteJavaError } from "../errors.ts";
import type { ByteQueue } from "../serialization/byte-queue.ts";
import type { RawValue } from "../serialization/graph.ts";
import { malformed } from "../serialization/malformed.ts";
import { type Parse, u1 } from "../serialization/parse.ts";
import { ObjectStreamReader, WriteAborted } from "../serialization/reader.ts";
import { toRemoteError } from "../serialization/throwable.ts";
import { ObjectStreamWriter, type WireValue } from "../serialization/writer.ts";
import { methodHash } from "./method-hash.ts";

/** A call of a method of an exported object; the methods used here take objects only. */
export interface RemoteCall {
  readonly objectId: Buffer;
  /** Name and JVM descriptor, as in "isRegistered(Ljavax/management/ObjectName;...)Z". */
  readonly method: string;
  readonly args: readonly WireValue[];
}

export type Reply =
  | { readonly kind: "value"; readonly value: RawValue }
  /** `closing`: the server closes the connection after such an answer, so that it must not be used again. */
  | { readonly kind: "thrown"; readonly error: RemoteJavaError; readonly closing: boolean };

const message = { call: 0x50, answer: 0x51 } as const;
const answerKind = { value: 1, exception: 2 } as const;
/** The id of the answer for distributed garbage collection, which is not taken part in. */
const answerIdLength = 14;

/** u1 call, then an object stream: block of ObjID, int -1 (no operation number), long method hash; arguments. */
export function encodeCall({ objectId, method, args }: RemoteCall): Buffer {
  const writer = new ObjectStreamWriter("codebase");
  writer.raw((block) => block.bytes(objectId).int(-1).long(methodHash(method)));
  for (const arg of args) writer.value(arg);
  return Buffer.concat([Buffer.of(message.call), writer.finish()]);
}

/**
 * u1 answer, then an object stream: block of u1 kind and UID, in the same block the value when it is a primitive, or
 * else the value or exception as an object; nothing for void.
 */
export function* parseReply(input: ByteQueue, method: string): Parse<Reply> {
  const code = yield* u1(input);
  if (code !== message.answer) throw malformed(`no answer where one must be, but a byte ${code}`);
  const reader = new ObjectStreamReader(input);
  yield* reader.header();
  const kind = (yield* reader.blockBytes(1 + answerIdLength)).readUInt8(0);
  try {
    if (kind === answerKind.exception) return thrown(yield* reader.value());
    if (kind !== answerKind.value) throw malformed(`an answer of unknown kind ${kind}`);
    return { kind: "value", value: yield* returnValue(reader, method) };
  } catch (error) {
    if (error instanceof WriteAborted) return { ...thrown(error.throwable), closing: true };
    throw error;
  }
}

function* returnValue(reader: ObjectStreamReader, method: string): Parse<RawValue> {
  if (method.endsWith(")V")) return null;
  if (method.endsWith(")Z")) return (yield* reader.blockBytes(1)).readUInt8(0) !== 0;
  return yield* reader.value();
}

function thrown(throwable: RawValue): Extract<Reply, { kind: "thrown" }> {
  const error = toRemoteError(throwable);
  if (error === undefined) throw malformed("an exception that is none");
  return { kind: "thrown", error, closing: error.classNames.includes("java.rmi.RemoteException") };
}
