import type { ByteRange, ByteStream, ReadOptions, RewindableSource } from "../../src/storage/storage.ts";

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that look random, the same for the same seed. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random() * 2 ** 32);
  return Buffer.from(words.buffer).subarray(0, length);
}

/** The bytes as a source that counts how often it was opened; `chunkBytes` is odd so that boundaries fall anywhere. */
export function bytesSource(bytes: Uint8Array, chunkBytes = 10_007): RewindableSource & { readonly opened: number } {
  const source = {
    sizeBytes: bytes.length,
    opened: 0,
    open: (range?: ByteRange) => {
      source.opened += 1;
      return chunked(bytes.subarray(range?.start, range?.end), chunkBytes);
    },
  };
  return source;
}

/** The bytes in chunks that share one buffer, which is filled with something else after each. */
export async function* transientChunks(bytes: Uint8Array, chunkBytes = 10_007): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const piece = bytes.subarray(at, at + chunkBytes);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
    buffer.fill(0xee);
  }
}

/** As {@link transientChunks}, for consumers that ask for it. */
export function transientSource(bytes: Uint8Array, chunkBytes?: number): RewindableSource {
  const open = (range?: ByteRange, reading?: ReadOptions) => {
    if (reading?.transient !== true) throw new Error("these chunks are transient");
    return transientChunks(bytes.subarray(range?.start, range?.end), chunkBytes);
  };
  return { sizeBytes: bytes.length, open };
}

/** The same number of bytes each time; the last one is another each time that it is read. */
export function restlessSource(sizeBytes: number): RewindableSource {
  const bytes = sampleBytes(sizeBytes);
  let readings = 0;
  return {
    sizeBytes,
    open: (range?: ByteRange) => {
      readings += 1;
      bytes[sizeBytes - 1] = readings;
      return chunked(bytes.subarray(range?.start, range?.end), sizeBytes);
    },
  };
}

async function* chunked(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield Uint8Array.from(bytes.subarray(at, at + chunkBytes));
}

export async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const array: T[] = [];
  for await (const item of items) array.push(item);
  return array;
}
