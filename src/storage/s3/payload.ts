/**
 * Bodies of requests, such that the server refuses them where a byte was spoiled, and where they are cut short: what
 * proves a body comes after its bytes, so that a source that fails never makes an object.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type SignedBody, sha256 } from "../../aws/aws.ts";
import type { ByteStream } from "../contract.ts";
import { checksumText } from "../remote/checksum-text.ts";
import { exactly, held, type SourcePart } from "../remote/source-part.ts";
import type { S3Integrity } from "./options.ts";

/** Up to here a body is held in memory, proved before it is sent, and sent in one piece. */
const maxHeldBytes = 256 * 1024;
/** One frame of a body that is not held; the chunks of the source are not cut where they fit. */
const trailerFrameBytes = 1024 * 1024;
const signedFrameBytes = 128 * 1024;

export async function makePayload(from: SourcePart, integrity: S3Integrity): Promise<SignedBody> {
  if (from.sizeBytes <= maxHeldBytes) return heldPayload(from, integrity);
  switch (integrity) {
    case "crc32-trailer":
      return trailerPayload(from);
    case "signed-chunks":
      return signedPayload(from);
    case "hash-first":
      return hashedPayload(from);
  }
}

async function heldPayload(from: SourcePart, integrity: S3Integrity): Promise<SignedBody> {
  const bytes = await held(from);
  const checksum = integrity === "crc32-trailer" ? { [checksumHeader]: checksumText(crc32(bytes)) } : {};
  return {
    headers: { ...checksum, "content-length": String(bytes.length) },
    hash: sha256(bytes),
    wireBytes: bytes.length,
    frames: async function* () {
      if (bytes.length > 0) yield bytes;
    },
  };
}

export const checksumHeader = "x-amz-checksum-crc32";
const lineBreak = Buffer.from("\r\n");

/**
 *   body    = *(hex-length CRLF bytes CRLF) "0" CRLF trailer CRLF
 *   trailer = "x-amz-checksum-crc32:" base64 CRLF
 */
function trailerPayload(from: SourcePart): SignedBody {
  const trailer = (checksum: number) => `0\r\n${checksumHeader}:${checksumText(checksum)}\r\n\r\n`;
  const lengths = frameLengths(from.sizeBytes, trailerFrameBytes);
  const wireBytes =
    from.sizeBytes +
    trailer(0).length +
    lengths.reduce((sum, length) => sum + frameHeader(length).length + lineBreak.length, 0);
  return {
    headers: {
      "content-encoding": "aws-chunked",
      "content-length": String(wireBytes),
      "x-amz-decoded-content-length": String(from.sizeBytes),
      "x-amz-sdk-checksum-algorithm": "CRC32",
      "x-amz-trailer": checksumHeader,
    },
    hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    wireBytes,
    frames: async function* () {
      let checksum = 0;
      let left = 0;
      let next = 0;
      for await (const chunk of exactly(from)) {
        checksum = crc32(chunk, checksum);
        for (let at = 0; at < chunk.length; ) {
          if (left === 0) {
            left = lengths[next++] ?? 0;
            yield Buffer.from(frameHeader(left));
          }
          const piece = chunk.subarray(at, at + left);
          yield piece;
          at += piece.length;
          left -= piece.length;
          if (left === 0) yield lineBreak;
        }
      }
      yield Buffer.from(trailer(checksum));
    },
  };
}

function frameHeader(length: number): string {
  return `${length.toString(16)}\r\n`;
}

function frameLengths(sizeBytes: number, frameBytes: number): number[] {
  const whole = Math.floor(sizeBytes / frameBytes);
  const rest = sizeBytes - whole * frameBytes;
  return [...Array<number>(whole).fill(frameBytes), ...(rest === 0 ? [] : [rest])];
}

export const signedChunksHash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

/** body = *(hex-length ";chunk-signature=" signature CRLF bytes CRLF), the last one of no bytes */
function signedPayload(from: SourcePart): SignedBody {
  const header = (length: number, signature: string) => `${length.toString(16)};chunk-signature=${signature}\r\n`;
  const blank = "0".repeat(64);
  const lengths = [...frameLengths(from.sizeBytes, signedFrameBytes), 0];
  const wireBytes = lengths.reduce((sum, length) => sum + header(length, blank).length + length + lineBreak.length, 0);
  return {
    headers: {
      "content-encoding": "aws-chunked",
      "content-length": String(wireBytes),
      "x-amz-decoded-content-length": String(from.sizeBytes),
    },
    hash: signedChunksHash,
    wireBytes,
    frames: async function* (signChunk) {
      for await (const chunk of regrouped(exactly(from), signedFrameBytes)) {
        yield Buffer.from(header(chunk.length, signChunk(chunk)));
        yield chunk;
        yield lineBreak;
      }
      yield Buffer.from(header(0, signChunk(Buffer.alloc(0))));
      yield lineBreak;
    },
  };
}

async function hashedPayload(from: SourcePart): Promise<SignedBody> {
  const hash = createHash("sha256");
  for await (const chunk of exactly(from, { transient: true, unthrottled: true })) hash.update(chunk);
  return {
    headers: { "content-length": String(from.sizeBytes) },
    hash: hash.digest("hex"),
    wireBytes: from.sizeBytes,
    frames: () => exactly(from),
  };
}

/** Chunks of exactly `size` bytes, but for the last; copied only where two of the stream's make one. */
async function* regrouped(stream: ByteStream, size: number): AsyncGenerator<Uint8Array, void> {
  let group: Buffer | undefined;
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      if (group === undefined && chunk.length - at >= size) {
        yield chunk.subarray(at, at + size);
        at += size;
        continue;
      }
      group ??= Buffer.allocUnsafeSlow(size);
      const piece = chunk.subarray(at, at + size - filled);
      group.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < size) continue;
      yield group;
      group = undefined;
      filled = 0;
    }
  }
  if (group !== undefined) yield group.subarray(0, filled);
}
