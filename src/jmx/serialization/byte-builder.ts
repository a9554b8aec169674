/** Bytes being written: a buffer that doubles when it is full. All numbers are big-endian. */
export class ByteBuilder {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u1(value: number): this {
    return this.#write(1, (buffer, at) => buffer.writeUInt8(value & 0xff, at));
  }

  u2(value: number): this {
    return this.#write(2, (buffer, at) => buffer.writeUInt16BE(value & 0xffff, at));
  }

  int(value: number): this {
    return this.#write(4, (buffer, at) => buffer.writeInt32BE(value, at));
  }

  long(value: bigint): this {
    return this.#write(8, (buffer, at) => buffer.writeBigInt64BE(value, at));
  }

  float(value: number): this {
    return this.#write(4, (buffer, at) => buffer.writeFloatBE(value, at));
  }

  double(value: number): this {
    return this.#write(8, (buffer, at) => buffer.writeDoubleBE(value, at));
  }

  bytes(bytes: Buffer): this {
    return this.#write(bytes.length, (buffer, at) => bytes.copy(buffer, at));
  }

  /** A copy of what was written so far; the builder begins anew. */
  drain(): Buffer {
    const written = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return written;
  }

  #write(size: number, put: (buffer: Buffer, at: number) => void): this {
    if (this.#length + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    put(this.#buffer, this.#length);
    this.#length += size;
    return this;
  }
}
