import { orAborted } from "../../concurrency/concurrency.ts";
import { AppError, toAppError } from "../../errors.ts";
import type { RewindableSource } from "../contract.ts";

/** Cuts a source, read once and in order, into parts that can be sent again: each is held in memory. */
export class BufferedParts {
  readonly #source: RewindableSource;
  readonly #partBytes: number;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  #leftBytes: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: RewindableSource, partBytes: number) {
    this.#source = source;
    this.#partBytes = partBytes;
    this.#leftBytes = source.sizeBytes;
    this.#chunks = source.open(undefined, { transient: true })[Symbol.asyncIterator]();
  }

  /**
   * The parts in their order, whoever asks, in a buffer of their own where none is given. Fails with `corrupt` where the
   * source is not as long as it said.
   */
  next(signal: AbortSignal | undefined, buffer?: Buffer): Promise<Uint8Array> {
    const part = this.#turn.then(() => this.#nextPart(signal, buffer));
    this.#turn = part.catch(() => undefined);
    return part;
  }

  close(): void {
    // Not awaited: a source that is stuck would answer only after its step.
    this.#chunks.return?.().catch(() => undefined);
  }

  async #nextPart(signal: AbortSignal | undefined, buffer?: Buffer): Promise<Uint8Array> {
    const length = Math.min(this.#partBytes, this.#leftBytes);
    const bytes = buffer?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < bytes.length; ) {
      if (this.#rest.length === 0 && !(await this.#readOn(signal))) {
        throw this.#wrongLength(`only ${this.#source.sizeBytes - this.#leftBytes + filled}`);
      }
      const piece = this.#rest.subarray(0, bytes.length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    this.#leftBytes -= bytes.length;
    if (this.#leftBytes === 0 && (this.#rest.length > 0 || (await this.#readOn(signal)))) {
      throw this.#wrongLength("more");
    }
    return bytes;
  }

  /** False at the end of the source. */
  async #readOn(signal: AbortSignal | undefined): Promise<boolean> {
    try {
      while (this.#rest.length === 0) {
        const step = await orAborted(this.#chunks.next(), signal);
        if (step.done === true) return false;
        this.#rest = step.value;
      }
      return true;
    } catch (error) {
      // The source's own failure, and none of the store's.
      throw toAppError(error);
    }
  }

  #wrongLength(found: string): AppError {
    return new AppError("corrupt", `the source announced ${this.#source.sizeBytes} bytes and had ${found}`);
  }
}

/** Bytes that are held, as a source. */
export function bufferedSource(bytes: Uint8Array): RewindableSource {
  return {
    sizeBytes: bytes.length,
    async *open(range) {
      yield range === undefined ? bytes : bytes.subarray(range.start, range.end);
    },
  };
}
