/** Commit log segments of Cassandra 4 and 5, made and read independently of the product's code. */
import { crc32 } from "node:zlib";
import { sampleBytes } from "./sample-bytes.ts";

/** The parameters of a compressed segment. */
export const lz4 = '{"compressionClass":"LZ4Compressor","compressionParameters":null}';

/** Values as big-endian 32-bit numbers. */
export function int(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [n, value] of values.entries()) bytes.writeInt32BE(value | 0, 4 * n);
  return bytes;
}

/** A mutation's body: the number of updates, then each table's id and content. */
export function body(...updates: readonly { readonly table: string; readonly content: Uint8Array }[]): Buffer {
  const parts = updates.flatMap(({ table, content }) => [Buffer.from(table, "hex"), content]);
  return Buffer.concat([Buffer.from([updates.length]), ...parts]);
}

/** An update of a table. */
export function of(table: string, length = 20, seed = 1): { readonly table: string; readonly content: Buffer } {
  return { table, content: sampleBytes(length, seed) };
}

/** A mutation with its checksums. */
export function mutation(content: Uint8Array): Buffer {
  const size = int(content.length);
  return Buffer.concat([size, int(crc32(size)), content, int(crc32(content, crc32(size)))]);
}

export interface SegmentParts {
  readonly sections?: readonly (readonly Uint8Array[])[];
  readonly parameters?: string;
  /** Zeros up to this many bytes behind the last section, as Cassandra preallocates them. */
  readonly spare?: number;
}

const segmentId = [418, 2_019_432_150] as const;

/** A segment file of format version 7, byte by byte as section 1 of its description has it. */
export function segment({ sections = [], parameters = "{}", spare = 100 }: SegmentParts): Buffer {
  const [high, low] = segmentId;
  const json = Buffer.from(parameters);
  const length = Buffer.from([json.length >> 8, json.length & 255]);
  const crc = crc32(json, crc32(int(7, low, high, json.length)));
  const parts: Uint8Array[] = [int(7, high, low), length, json, int(crc)];
  let offset = 18 + json.length;
  for (const mutations of sections) {
    const payload = Buffer.concat(mutations);
    const end = offset + 8 + payload.length;
    parts.push(int(end, crc32(int(low, high, offset))), payload);
    offset = end;
  }
  return Buffer.concat([...parts, Buffer.alloc(spare)]);
}

export interface FoundMutation {
  readonly position: number;
  readonly table: string;
  readonly body: Buffer;
}

/** Reads a plain segment as Cassandra does; throws where a checksum is wrong. */
export function mutationsIn(bytes: Buffer): FoundMutation[] {
  const found: FoundMutation[] = [];
  const [high, low] = segmentId;
  for (let marker = 18 + bytes.readUInt16BE(12); marker + 8 <= bytes.length; ) {
    const end = bytes.readInt32BE(marker);
    if (end === 0) break;
    checkCrc(bytes, marker + 4, crc32(int(low, high, marker)));
    for (let at = marker + 8; at < end; ) {
      const size = bytes.readInt32BE(at);
      const content = bytes.subarray(at + 8, at + 8 + size);
      checkCrc(bytes, at + 4, crc32(int(size)));
      checkCrc(bytes, at + 8 + size, crc32(content, crc32(int(size))));
      at += size + 12;
      found.push({ position: at, table: content.toString("hex", 1, 17), body: content });
    }
    marker = end;
  }
  return found;
}

function checkCrc(bytes: Buffer, at: number, crc: number): void {
  if (bytes.readUInt32BE(at) !== crc) throw new Error(`a wrong checksum at ${at}`);
}
