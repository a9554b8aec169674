/** The body of a request. Each iteration yields all of it, so that it can be sent again. */
export interface HttpBody {
  readonly sizeBytes: number;
  /** Each frame is left alone once it has been yielded. */
  readonly frames: AsyncIterable<Uint8Array>;
}

/** A slow network must take one frame within the bound on silence: {@link exchange} sees progress only between frames. */
const frameBytes = 256 * 1024;

/** A body of bytes that are in memory. */
export function heldBody(...pieces: readonly Uint8Array[]): HttpBody {
  const frames = {
    async *[Symbol.asyncIterator]() {
      for (const bytes of pieces) {
        for (let at = 0; at < bytes.length; at += frameBytes) yield bytes.subarray(at, at + frameBytes);
      }
    },
  };
  return { sizeBytes: pieces.reduce((sum, { length }) => sum + length, 0), frames };
}
