import { type AppError, abortError, throwIfAborted, toAppError } from "../../errors.ts";
import { encodeCall, parseReply, type RemoteCall, type Reply } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { JrmpSocket } from "./jrmp-socket.ts";

/** The outcome of a call. */
export type Outcome =
  | Reply
  /** No connection could be had: the other side has seen nothing of the call. */
  | { readonly kind: "not-sent"; readonly error: AppError }
  /** The connection ended after sending began: the other side may have acted. */
  | { readonly kind: "lost"; readonly error: AppError };

/** A server spends a thread on each connection; further calls wait for one of these. */
const maxSockets = 4;

/** The connections to one endpoint: opened when needed, used by one call at a time, used again while they are sound. */
export class SocketPool {
  readonly endpoint: Endpoint;
  readonly #idle: JrmpSocket[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #retired = false;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Throws the signal's reason, `protocol`, `unauthorized` or `unsupported`; what is `unreachable` is an outcome. */
  async call(call: RemoteCall, signal: AbortSignal): Promise<Outcome> {
    const message = encodeCall(call);
    await this.#enter(signal);
    try {
      const socket = await this.#socket(signal);
      if (!(socket instanceof JrmpSocket)) return socket;
      const exchange = await socket.exchange(message, (input) => parseReply(input, call.method), signal);
      if (exchange.kind === "lost") return exchange;
      const reply = exchange.value;
      if (reply.kind === "thrown" && reply.closing) socket.destroy();
      this.#giveBack(socket);
      return reply;
    } finally {
      this.#leave();
    }
  }

  /** Takes no part in further calls; those under way come to their end. */
  retire(): void {
    this.#retired = true;
    this.#closeIdle();
  }

  async #enter(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (this.#busy < maxSockets) {
      this.#busy += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onTurn = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
        reject(abortError(signal));
      };
      this.#waiting.push(onTurn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** The place passes to the next in line, or becomes free. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy -= 1;
    else next();
  }

  async #socket(signal: AbortSignal): Promise<JrmpSocket | Extract<Outcome, { kind: "not-sent" }>> {
    throwIfAborted(signal);
    for (let socket = this.#idle.pop(); socket !== undefined; socket = this.#idle.pop()) {
      if (socket.usable) return socket;
      socket.destroy();
    }
    try {
      return await JrmpSocket.open(this.endpoint, signal);
    } catch (error) {
      const failure = toAppError(error);
      if (signal.aborted || failure.code !== "unreachable") throw failure;
      return { kind: "not-sent", error: failure };
    }
  }

  #giveBack(socket: JrmpSocket): void {
    if (this.#retired || !socket.usable) socket.destroy();
    else this.#idle.push(socket);
  }

  #closeIdle(): void {
    for (const socket of this.#idle.splice(0)) socket.destroy();
  }
}
