/** Buffers for uploads that hold what they send: as many as there were uploads at once, used again and again. */
export class ChunkBuffers {
  readonly #sizeBytes: number;
  readonly #free: Buffer[] = [];

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** Lends a buffer for `neededBytes`, or for a chunk where those are more; it is of that size or larger. */
  async use<T>(neededBytes: number, work: (buffer: Buffer) => Promise<T>): Promise<T> {
    // A small buffer is cheap to allocate and to collect.
    if (neededBytes <= this.#sizeBytes / 16) return work(Buffer.allocUnsafeSlow(neededBytes));
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#sizeBytes);
    try {
      return await work(buffer);
    } finally {
      this.#free.push(buffer);
    }
  }
}
