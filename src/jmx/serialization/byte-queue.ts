/**
 * Bytes that have arrived and are not read yet: a queue of chunks, of which only the few bytes of a value that lies
 * across two of them are ever copied together. Reading more than `length` is a defect of the caller.
 */
export class ByteQueue {
  readonly #chunks: Buffer[] = [];
  /** Bytes of the first chunk that are read already. */
  #offset = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next `count` bytes; they may share memory with a chunk, so whoever keeps them copies them. */
  take(count: number): Buffer {
    const first = this.#chunks[0];
    if (count > this.#length) throw new RangeError(`${count} bytes were read where ${this.#length} are buffered`);
    if (first === undefined) return Buffer.alloc(0);
    if (this.#offset + count <= first.length) {
      const bytes = first.subarray(this.#offset, this.#offset + count);
      this.#advance(count);
      return bytes;
    }
    const bytes = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const part = chunk.copy(bytes, filled, this.#offset, this.#offset + count - filled);
      filled += part;
      this.#advance(part);
    }
    return bytes;
  }

  /** A value of `size` bytes that `decode` reads at an offset of a buffer. */
  read<T>(size: number, decode: (bytes: Buffer, at: number) => T): T {
    const first = this.#chunks[0];
    if (first === undefined || this.#offset + size > first.length) return decode(this.take(size), 0);
    const value = decode(first, this.#offset);
    this.#advance(size);
    return value;
  }

  #advance(count: number): void {
    this.#offset += count;
    this.#length -= count;
    if (this.#offset === this.#chunks[0]?.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
  }
}
