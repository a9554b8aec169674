import { type RateLimit, unlimited } from "../concurrency/concurrency.ts";
import type { ByteStream } from "../storage/storage.ts";

/** How a transfer spends the run's bandwidth and tells of its progress. */
export interface PaceOptions {
  readonly signal?: AbortSignal | undefined;
  readonly rateLimit?: RateLimit | undefined;
  /** Called with each number of bytes moved; a transfer that starts over first takes its own back (a negative number). */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** The same bytes, each piece only when the budget allows it. */
export function paced(stream: ByteStream, options: PaceOptions): ByteStream {
  const { rateLimit = unlimited, onBytes } = options;
  return rateLimit === unlimited && onBytes === undefined ? stream : inPieces(stream, rateLimit, options);
}

async function* inPieces(
  stream: ByteStream,
  budget: RateLimit,
  options: PaceOptions,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += budget.maxTakeBytes) {
      const piece = chunk.subarray(at, Math.min(chunk.length, at + budget.maxTakeBytes));
      await budget.take(piece.length, options.signal);
      yield piece;
      options.onBytes?.(piece.length);
    }
  }
}
