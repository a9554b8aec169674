import { AppError } from "../errors.ts";
import { type RemoteJavaError, unauthorizedByNode } from "./errors.ts";
import type { RemoteCall } from "./rmi/call.ts";
import { type Endpoint, endpointName, type TlsSettings } from "./rmi/endpoint.ts";
import { parseStub, type RemoteReference, registryObjectId } from "./rmi/remote-reference.ts";
import { type Outcome, SocketPool } from "./rmi/socket-pool.ts";
import type { RawValue } from "./serialization/graph.ts";
import type { WireValue } from "./serialization/writer.ts";
import { formatAddress, type JmxTarget } from "./service-url.ts";

export interface SessionSettings {
  readonly target: JmxTarget;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Undefined for plain connections. */
  readonly tls: TlsSettings | undefined;
  /** Whether the registry is encrypted too. */
  readonly registryTls: boolean;
  readonly followStubHost: boolean;
}

const lookupMethod = "lookup(Ljava/lang/String;)Ljava/rmi/Remote;";
const newClientMethod = "newClient(Ljava/lang/Object;)Ljavax/management/remote/rmi/RMIConnection;";

/** A login at one JMX server: valid until it ends it, restarts, or finds the session idle for too long. */
export class Session {
  readonly #pool: SocketPool;
  readonly #objectId: Buffer;

  private constructor(pool: SocketPool, objectId: Buffer) {
    this.#pool = pool;
    this.#objectId = objectId;
  }

  /**
   * Registry lookup of the JMX server's stub, login, and the stub of the connection. Throws `unreachable` (as
   * isConnectionRefused tells when nothing listens at the target itself), `unauthorized`, `protocol`, or the signal's
   * reason.
   */
  static async open(settings: SessionSettings, signal: AbortSignal): Promise<Session> {
    const { target } = settings;
    const registry = { host: target.host, port: target.port, tls: settings.registryTls ? settings.tls : undefined };
    const pools = new PoolSet();
    try {
      const server = await lookup(pools.at(registry), target, signal);
      const login = pools.at(exportedAt(server, settings));
      const connection = await newClient(login, server, settings, signal);
      const pool = pools.at(exportedAt(connection, settings));
      pools.retireAllBut(pool);
      return new Session(pool, connection.objectId);
    } catch (error) {
      pools.retireAllBut(undefined);
      throw error;
    }
  }

  call(method: string, args: readonly WireValue[], signal: AbortSignal): Promise<Outcome> {
    return this.#pool.call({ objectId: this.#objectId, method, args }, signal);
  }

  /** Takes no part in further calls; those under way come to their own end. */
  retire(): void {
    this.#pool.retire();
  }
}

/** One pool an endpoint, so that registry and exported objects on one port share their connection. */
class PoolSet {
  readonly #pools: SocketPool[] = [];

  at(endpoint: Endpoint): SocketPool {
    const known = this.#pools.find(
      (pool) =>
        pool.endpoint.host === endpoint.host &&
        pool.endpoint.port === endpoint.port &&
        pool.endpoint.tls === endpoint.tls,
    );
    if (known !== undefined) return known;
    const pool = new SocketPool(endpoint);
    this.#pools.push(pool);
    return pool;
  }

  retireAllBut(kept: SocketPool | undefined): void {
    for (const pool of this.#pools) if (pool !== kept) pool.retire();
  }
}

function exportedAt(reference: RemoteReference, settings: SessionSettings): Endpoint {
  const host = settings.followStubHost ? reference.host : settings.target.host;
  const address = formatAddress({ host, port: reference.port });
  if (reference.tls && settings.tls === undefined) {
    throw new AppError("protocol", `jmx at ${address} wants tls`, {
      hint: "turn tls for jmx on and give a truststore with the node's certificate",
    });
  }
  if (!reference.tls && settings.tls !== undefined) {
    throw new AppError("protocol", `jmx at ${address} is not encrypted, though tls was asked for`, {
      hint: "turn tls for jmx off, or on in the node",
    });
  }
  return { host, port: reference.port, tls: settings.tls };
}

async function lookup(pool: SocketPool, target: JmxTarget, signal: AbortSignal): Promise<RemoteReference> {
  const outcome = await pool.call({ objectId: registryObjectId, method: lookupMethod, args: [target.name] }, signal);
  const absent = () =>
    new AppError("protocol", `no '${target.name}' is registered at ${formatAddress(target)}`, {
      hint: "check that jmx is enabled in the node and that the jmx address (--jmx-service) is right",
    });
  switch (outcome.kind) {
    case "value":
      if (outcome.value === null) throw absent();
      return parseStub(outcome.value);
    case "thrown":
      if (outcome.error.className === "java.rmi.NotBoundException") throw absent();
      throw refusedByNode(outcome.error, pool.endpoint);
    case "not-sent":
    case "lost":
      throw outcome.error;
  }
}

async function newClient(
  pool: SocketPool,
  server: RemoteReference,
  settings: SessionSettings,
  signal: AbortSignal,
): Promise<RemoteReference> {
  const { credentials, target } = settings;
  const login: WireValue =
    credentials === undefined ? null : { type: "stringArray", values: [credentials.username, credentials.password] };
  const call: RemoteCall = { objectId: server.objectId, method: newClientMethod, args: [login] };
  const outcome = await pool.call(call, signal);
  switch (outcome.kind) {
    case "value":
      return parseStub(requireObject(outcome.value));
    case "thrown":
      if (outcome.error.involves("java.lang.SecurityException")) {
        throw unauthorizedByNode(outcome.error, formatAddress(target), credentials !== undefined);
      }
      throw refusedByNode(outcome.error, pool.endpoint);
    case "not-sent":
      // The registry answered, so this is not "nothing listens there": the original error becomes the cause.
      throw new AppError(
        "unreachable",
        `jmx at ${formatAddress(target)} sends its clients to ${endpointName(pool.endpoint)}, which cannot be reached`,
        { hint: "open that port too, or set jmx.rmi.port of the node to a port that is open", cause: outcome.error },
      );
    case "lost":
      throw outcome.error;
  }
}

function requireObject(value: RawValue): RawValue {
  if (value === null) throw new AppError("protocol", "the jmx login was answered with nothing");
  return value;
}

function refusedByNode(error: RemoteJavaError, endpoint: Endpoint): AppError {
  return new AppError("protocol", `jmx at ${endpointName(endpoint)} failed: ${error.innermost.message}`, {
    cause: error,
  });
}
