import type { Socket } from "node:net";
import type { AppError } from "../../errors.ts";
import { connectionLost, socketError } from "../errors.ts";
import { ByteQueue } from "../serialization/byte-queue.ts";
import { malformed } from "../serialization/malformed.ts";
import type { Parse } from "../serialization/parse.ts";

/** More than any answer has; a server that sends on and on is cut off here. */
const maxAnswerBytes = 128 * 1024 * 1024;

/** The receiving side of a socket: feeds a parser with what arrives, and remembers how the socket ended. */
export class SocketInput {
  readonly #queue = new ByteQueue();
  #failure: AppError | undefined;
  #received = 0;
  #waiting: { readonly count: number; readonly settle: () => void } | undefined;

  constructor(socket: Socket, address: string) {
    socket.on("data", (chunk) => {
      this.#received += chunk.length;
      this.#queue.push(chunk);
      if (this.#received > maxAnswerBytes) {
        this.fail(malformed(`it is longer than ${maxAnswerBytes} bytes`));
        socket.destroy();
      }
      if (this.#waiting !== undefined && this.#queue.length >= this.#waiting.count) this.#waiting.settle();
    });
    socket.on("error", (error) => this.fail(socketError(error, address)));
    socket.on("end", () => this.fail(connectionLost(address)));
    socket.on("close", () => this.fail(connectionLost(address)));
  }

  /** Nothing is buffered and the socket has not ended: the next answer will be the answer to the next call. */
  get clean(): boolean {
    return this.#failure === undefined && this.#queue.length === 0;
  }

  /** Ends whatever waits, now and later; the first reason counts. */
  fail(error: AppError): void {
    this.#failure ??= error;
    this.#waiting?.settle();
  }

  /** The parser's result, once all its bytes have arrived; throws what it throws, or how the socket ended. */
  async parse<T>(start: (input: ByteQueue) => Parse<T>): Promise<T> {
    this.#received = this.#queue.length;
    const parse = start(this.#queue);
    for (;;) {
      const step = parse.next();
      if (step.done === true) return step.value;
      await this.#buffered(step.value);
    }
  }

  async #buffered(count: number): Promise<void> {
    if (count > maxAnswerBytes) throw malformed(`it claims ${count} bytes in one piece`);
    if (this.#queue.length < count && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#waiting = { count, settle: resolve };
      });
      this.#waiting = undefined;
    }
    if (this.#queue.length < count && this.#failure !== undefined) throw this.#failure;
  }
}
