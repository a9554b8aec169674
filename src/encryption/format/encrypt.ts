import { type CipherGCM, createCipheriv } from "node:crypto";
import type { ByteRange, ReadOptions, RewindableSource } from "../../storage/storage.ts";
import type { Encryptor } from "../../transfer/transfer.ts";
import { EmittedPieces, otherSize } from "./changing-file.ts";
import {
  cipherName,
  type DataKey,
  headerBytes,
  keyTagOf,
  makeHeader,
  nonceOf,
  objectCipherKey,
  type RandomBytes,
  saltBytes,
  segmentBytes,
  segmentCount,
  storedBytesOf,
  tagBytes,
} from "./object-format.ts";

/** Encrypts with the data key, on the way. A transfer under way holds two segments, and 32 KiB for each GiB of the file. */
export function aesEncryptor(dataKey: DataKey, random: RandomBytes): Encryptor {
  return {
    keyTag: keyTagOf(dataKey.id),
    storedBytes: storedBytesOf,
    async encrypt(plain, objectKey) {
      const header = makeHeader(dataKey.id, random(saltBytes));
      return { source: new EncryptedBytes(plain, header, objectCipherKey(dataKey, header, objectKey), objectKey) };
    },
  };
}

const largestPieceBytes = headerBytes + segmentBytes + tagBytes;

class EncryptedBytes implements RewindableSource {
  readonly sizeBytes: number;
  readonly sequential: boolean;
  readonly #plain: RewindableSource;
  readonly #header: Buffer;
  readonly #key: Buffer;
  readonly #objectKey: string;
  readonly #segments: number;
  readonly #emitted: EmittedPieces;

  constructor(plain: RewindableSource, header: Buffer, key: Buffer, objectKey: string) {
    this.sizeBytes = storedBytesOf(plain.sizeBytes);
    this.sequential = plain.sequential === true;
    this.#plain = plain;
    this.#header = header;
    this.#key = key;
    this.#objectKey = objectKey;
    this.#segments = segmentCount(plain.sizeBytes);
    this.#emitted = new EmittedPieces(objectKey, this.#segments);
  }

  async *open(range?: ByteRange, reading?: ReadOptions): AsyncGenerator<Uint8Array, void> {
    const start = range?.start ?? 0;
    const end = Math.min(range?.end ?? this.sizeBytes, this.sizeBytes);
    if (start >= end) return;
    const [first, last] = [segmentAt(start), segmentAt(end - 1)];
    const span = { start: first * segmentBytes, end: Math.min(this.#plain.sizeBytes, (last + 1) * segmentBytes) };
    let position = first === 0 ? 0 : headerBytes + first * (segmentBytes + tagBytes);
    for await (const piece of this.#encrypted(first, last, range === undefined ? undefined : span, reading)) {
      const [from, to] = [Math.max(0, start - position), Math.min(piece.length, end - position)];
      position += piece.length;
      if (from < to) yield piece.subarray(from, to);
    }
  }

  /**
   * The segments `first` to `last`, the first of all behind the header; without a span, the file is read as a whole.
   * All are written into one buffer, where the consumer is done with each before the next.
   */
  async *#encrypted(
    first: number,
    last: number,
    span: ByteRange | undefined,
    reading: ReadOptions | undefined,
  ): AsyncGenerator<Buffer, void> {
    const shared = reading?.transient === true ? Buffer.allocUnsafeSlow(largestPieceBytes) : undefined;
    let segment = this.#begin(first, shared);
    for await (const chunk of this.#plain.open(span, { ...reading, transient: true })) {
      for (let at = 0; at < chunk.length; ) {
        if (segment.bytes === segmentBytes) {
          yield this.#finish(segment);
          segment = this.#begin(segment.index + 1, shared);
        }
        const piece = chunk.subarray(at, at + segmentBytes - segment.bytes);
        segment.cipher.update(piece).copy(segment.out, segment.bodyStart + segment.bytes);
        segment.bytes += piece.length;
        at += piece.length;
      }
    }
    if (segment.index !== last) throw otherSize(this.#objectKey);
    yield this.#finish(segment);
  }

  #begin(index: number, shared: Buffer | undefined): Segment {
    const nonce = nonceOf(index, index === this.#segments - 1);
    const cipher = createCipheriv(cipherName, this.#key, nonce, { authTagLength: tagBytes });
    const out = shared ?? Buffer.allocUnsafeSlow(largestPieceBytes);
    const bodyStart = index === 0 ? this.#header.copy(out) : 0;
    return { index, cipher, out, bodyStart, bytes: 0 };
  }

  #finish({ index, cipher, out, bodyStart, bytes }: Segment): Buffer {
    const wantedBytes = Math.min(segmentBytes, this.#plain.sizeBytes - index * segmentBytes);
    if (bytes !== wantedBytes) throw otherSize(this.#objectKey);
    cipher.final();
    const tag = cipher.getAuthTag();
    this.#emitted.check(index, tag);
    tag.copy(out, bodyStart + bytes);
    return out.subarray(0, bodyStart + bytes + tagBytes);
  }
}

interface Segment {
  readonly index: number;
  readonly cipher: CipherGCM;
  /** The stored form of a segment; the header precedes the first. */
  readonly out: Buffer;
  readonly bodyStart: number;
  /** Of plaintext, so far. */
  bytes: number;
}

/** The segment that a byte of the stored object belongs to; the header counts to the first. */
function segmentAt(position: number): number {
  return Math.max(0, Math.floor((position - headerBytes) / (segmentBytes + tagBytes)));
}
