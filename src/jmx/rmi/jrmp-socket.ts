import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { AppError, abortError, isAppError, systemErrorCode } from "../../errors.ts";
import { socketError } from "../errors.ts";
import type { ByteQueue } from "../serialization/byte-queue.ts";
import { int, type Parse, u1, utf } from "../serialization/parse.ts";
import { type Endpoint, endpointName } from "./endpoint.ts";
import { SocketInput } from "./socket-input.ts";

/** The outcome of a message, which decides whether the call may be repeated. */
export type Exchange<T> =
  | { readonly kind: "answer"; readonly value: T }
  /** The connection ended after sending began: the other side may or may not have acted. */
  | { readonly kind: "lost"; readonly error: AppError };

/** "JRMI", u2 version 2, u1 StreamProtocol: any number of calls, one after the other. */
const hello = Buffer.from("4a524d4900024b", "hex");
/** Client's host (UTF, empty) and port (int, 0): servers ignore them. */
const clientAddress = Buffer.from("000000000000", "hex");

const ack = { accepted: 0x4e, refused: 0x4f, tlsAlert: 0x15 } as const;

/**
 * One connection of the JRMP stream protocol, one message at a time. It keeps the process alive only while a message is
 * under way.
 */
export class JrmpSocket {
  readonly #socket: Socket;
  readonly #input: SocketInput;

  private constructor(socket: Socket, input: SocketInput) {
    this.#socket = socket;
    this.#input = input;
  }

  /** Throws `unreachable`, `unauthorized` (certificates), `protocol`, or the signal's reason. */
  static async open(endpoint: Endpoint, signal: AbortSignal): Promise<JrmpSocket> {
    const address = endpointName(endpoint);
    const socket = await startConnecting(endpoint);
    const opened = new JrmpSocket(socket, new SocketInput(socket, address));
    const release = opened.#destroyOnAbort(signal);
    try {
      await connected(socket, endpoint);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000);
      socket.write(hello);
      await opened.#input.parse((input) => handshake(input, address));
      socket.write(clientAddress);
      socket.unref();
      return opened;
    } catch (error) {
      socket.destroy();
      if (signal.aborted) throw abortError(signal);
      throw error;
    } finally {
      release();
    }
  }

  get usable(): boolean {
    return this.#input.clean && !this.#socket.destroyed;
  }

  /** Sends a message and parses its answer. What it throws leaves the socket destroyed. */
  async exchange<T>(message: Buffer, parse: (input: ByteQueue) => Parse<T>, signal: AbortSignal): Promise<Exchange<T>> {
    const release = this.#destroyOnAbort(signal);
    this.#socket.ref();
    try {
      this.#socket.write(message);
      return { kind: "answer", value: await this.#input.parse(parse) };
    } catch (error) {
      this.#socket.destroy();
      if (signal.aborted) throw abortError(signal);
      if (isAppError(error, "unreachable")) return { kind: "lost", error };
      throw error;
    } finally {
      release();
      this.#socket.unref();
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #destroyOnAbort(signal: AbortSignal): () => void {
    const onAbort = () => {
      this.#input.fail(abortError(signal));
      this.#socket.destroy();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    return () => signal.removeEventListener("abort", onAbort);
  }
}

async function startConnecting({ host, port, tls }: Endpoint): Promise<Socket> {
  if (tls === undefined) return connect({ host, port });
  const { connect: connectTls } = await import("node:tls");
  return connectTls({
    host,
    port,
    secureContext: tls.context,
    // The server name extension takes no addresses.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.verifyHostname ? {} : { checkServerIdentity: () => undefined }),
  });
}

async function connected(socket: Socket, endpoint: Endpoint): Promise<void> {
  const address = endpointName(endpoint);
  let reached = false;
  socket.once("connect", () => {
    reached = true;
  });
  const failed = new AbortController();
  // A destroyed socket may close without an error, which `once` alone would not notice.
  const onClose = () => failed.abort();
  socket.once("close", onClose);
  try {
    await once(socket, endpoint.tls === undefined ? "connect" : "secureConnect", { signal: failed.signal });
  } catch (error) {
    if (endpoint.tls !== undefined && reached && systemErrorCode(error) === "ECONNRESET") {
      throw new AppError("protocol", `jmx at ${address} closed the connection before tls was agreed on`, {
        hint: "check whether jmx of the node is encrypted at all",
        cause: error,
      });
    }
    throw socketError(error, address);
  } finally {
    socket.off("close", onClose);
  }
}

/** u1 answer, then UTF and int: the client's own address as the server sees it. */
function* handshake(input: ByteQueue, address: string): Parse<void> {
  const answer = yield* u1(input);
  if (answer === ack.tlsAlert) {
    throw new AppError("protocol", `the port at ${address} speaks tls`, {
      hint: "turn tls for jmx on and give a truststore with the node's certificate",
    });
  }
  if (answer === ack.refused) throw new AppError("protocol", `jmx at ${address} refuses the rmi stream protocol`);
  if (answer !== ack.accepted) {
    throw new AppError("protocol", `the port at ${address} does not speak jmx`, {
      hint: "check the jmx address (--jmx-service): another service answers there",
    });
  }
  yield* utf(input);
  yield* int(input);
}
