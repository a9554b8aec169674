/**
 * The format of an encrypted object, which docs/encryption.md describes for other implementations.
 *
 *   header    "ESOPSEAL" (8), version 1 (4, big endian), ID of the data key (4), salt (32)
 *   segments  of 262144 bytes of plaintext each, the last of 0 to 262144: AES-256-GCM ciphertext, then its tag (16)
 *
 * The key is the object's own: HKDF-SHA256 of the data key with the salt and, as info, the header's first 16 bytes and
 * the object key. A nonce is the segment's number (11 bytes, big endian) and 1 for the last segment, 0 for all others.
 * So a segment that is changed, moved, left out or repeated does not open, and neither does an object that is cut off,
 * extended, or put under the key of another.
 *
 * No nonce is ever used for two plaintexts: a salt belongs to one call of `encrypt`, and where that reads a file again,
 * each segment must come out as it did before (changing-file.ts).
 */
import { hkdfSync } from "node:crypto";

/** Of plaintext. Measured: with smaller ones the calls to OpenSSL cost more than the encryption; larger ones gain a third. */
export const segmentBytes = 256 * 1024;
export const tagBytes = 16;
export const headerBytes = 48;
export const saltBytes = 32;
export const keyBytes = 32;
/** All that stands before the salt. */
const preambleBytes = headerBytes - saltBytes;
const version = 1;
const magic = Buffer.from("ESOPSEAL", "latin1");

export const cipherName = "aes-256-gcm";

/** The key that encrypts the objects of one node. */
export interface DataKey {
  /** 8 hex digits. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** Cryptographically strong ones. */
export type RandomBytes = (sizeBytes: number) => Uint8Array;

/** How objects under this data key are tagged in their object keys: "aes1a2b3c4d". */
export function keyTagOf(dataKeyId: string): string {
  return `aes${dataKeyId}`;
}

export function segmentCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / segmentBytes));
}

export function storedBytesOf(plainBytes: number): number {
  return headerBytes + plainBytes + tagBytes * segmentCount(plainBytes);
}

/** The reverse of {@link storedBytesOf}; undefined for what is no size of an encrypted object. */
export function plainBytesOf(storedBytes: number): number | undefined {
  const bodyBytes = storedBytes - headerBytes;
  const plainBytes = bodyBytes - tagBytes * Math.max(1, Math.ceil(bodyBytes / (segmentBytes + tagBytes)));
  return plainBytes >= 0 && storedBytesOf(plainBytes) === storedBytes ? plainBytes : undefined;
}

export function makeHeader(dataKeyId: string, salt: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32BE(version, magic.length);
  header.write(dataKeyId, magic.length + 4, "hex");
  header.set(salt, preambleBytes);
  return header;
}

/** The data key's ID; undefined for what is not the header of an encrypted object. */
export function parseHeader(header: Buffer): string | undefined {
  const known = header.subarray(0, magic.length).equals(magic) && header.readUInt32BE(magic.length) === version;
  return known ? header.toString("hex", magic.length + 4, preambleBytes) : undefined;
}

/** The key of one object. */
export function objectCipherKey({ key }: DataKey, header: Uint8Array, objectKey: string): Buffer {
  const info = Buffer.concat([header.subarray(0, preambleBytes), Buffer.from(objectKey)]);
  return Buffer.from(hkdfSync("sha256", key, header.subarray(preambleBytes), info, keyBytes));
}

export function nonceOf(segment: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(segment, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}
