import { createHash } from "node:crypto";
import { AppError } from "../../errors.ts";
import { type StoreContent, type StoredKey, type StoreFile, toPem, wrongPassword } from "./store.ts";

/**
 * Sun's key store format, the default of Java before 9 (its magic number tells it from the PKCS12 that later ones put
 * into files of the same name):
 *
 *     u4 magic, u4 version, u4 entries, entries, 20 bytes SHA-1 over password, a salt and all before
 *     entry: u4 tag, UTF alias, u8 time, then
 *       key (1):         u4 length, EncryptedPrivateKeyInfo, u4 count, certificates
 *       certificate (2): certificate
 *     certificate: UTF type (version 2 only), u4 length, DER
 */
const magic = { jks: 0xfeedfeed, jceks: 0xcececece } as const;
const entryTag = { key: 1, certificate: 2 } as const;
const digestLength = 20;

export function isJks(bytes: Buffer): boolean {
  const start = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  return start === magic.jks || start === magic.jceks;
}

/** Throws `unauthorized` for a wrong password, `corrupt`, or `unsupported` for a JCEKS store. */
export function parseJks(bytes: Buffer, file: StoreFile): StoreContent {
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === magic.jceks) {
    throw new AppError("unsupported", `${file.path} is a jceks store`, {
      hint: "convert it: keytool -importkeystore -deststoretype pkcs12",
    });
  }
  verifyDigest(bytes, file);
  try {
    return parseEntries(new Cursor(bytes), file);
  } catch (error) {
    if (error instanceof RangeError) throw damaged(file, error);
    throw error;
  }
}

/** Certificates may be read without a password, and then unchecked, as Java does. */
function verifyDigest(bytes: Buffer, { path, password }: StoreFile): void {
  if (password === undefined) return;
  const content = bytes.subarray(0, -digestLength);
  const digest = sha1(utf16(password), Buffer.from("Mighty Aphrodite"), content);
  if (!digest.equals(bytes.subarray(-digestLength))) throw wrongPassword(path);
}

function parseEntries(cursor: Cursor, file: StoreFile): StoreContent {
  cursor.u4(); // magic
  const version = cursor.u4();
  const count = cursor.u4();
  const certificates: string[] = [];
  const keys: StoredKey[] = [];
  for (let i = 0; i < count; i++) {
    const tag = cursor.u4();
    cursor.utf(); // alias
    cursor.skip(8); // time
    if (tag === entryTag.certificate) {
      certificates.push(certificate(cursor, version));
    } else if (tag === entryTag.key) {
      const encrypted = cursor.bytes(cursor.u4());
      const chain: string[] = [];
      for (let left = cursor.u4(); left > 0; left--) chain.push(certificate(cursor, version));
      keys.push({ key: toPem(decryptKey(encrypted, file), "PRIVATE KEY"), chain });
    } else {
      throw damaged(file);
    }
  }
  return { certificates, keys };
}

function certificate(cursor: Cursor, version: number): string {
  if (version === 2) cursor.utf(); // "X.509"
  return toPem(cursor.bytes(cursor.u4()), "CERTIFICATE");
}

/**
 * EncryptedPrivateKeyInfo is SEQUENCE { algorithm, OCTET STRING { salt (20), data, check (20) } }. The data is XORed
 * with SHA-1(password, salt), SHA-1(password, the digest before), and so on; check is SHA-1(password, key).
 */
function decryptKey(encrypted: Buffer, file: StoreFile): Buffer {
  const password = utf16(file.keyPassword ?? file.password ?? "");
  const sequence = derContent(encrypted, 0);
  const algorithm = derContent(encrypted, sequence.start);
  const octets = derContent(encrypted, algorithm.end);
  const sealed = encrypted.subarray(octets.start, octets.end);
  const key = Buffer.from(sealed.subarray(digestLength, -digestLength));
  let digest = sealed.subarray(0, digestLength);
  for (let at = 0; at < key.length; at++) {
    if (at % digestLength === 0) digest = sha1(password, digest);
    key.writeUInt8(key.readUInt8(at) ^ digest.readUInt8(at % digestLength), at);
  }
  if (!sha1(password, key).equals(sealed.subarray(-digestLength))) throw wrongPassword(file.path);
  return key;
}

/** Where the content of the DER element at an offset lies. */
function derContent(der: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = der.readUInt8(at + 1);
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const start = at + 2 + (first & 0x7f);
  return { start, end: start + der.readUIntBE(at + 2, first & 0x7f) };
}

function sha1(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** As Java holds characters: UTF-16, big-endian. */
function utf16(text: string): Buffer {
  return Buffer.from(text, "utf16le").swap16();
}

function damaged({ path }: StoreFile, cause?: unknown): AppError {
  return new AppError("corrupt", `${path} is damaged`, { cause });
}

/** Reads forward; throws RangeError at the end. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u4(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  utf(): string {
    return this.bytes(this.bytes(2).readUInt16BE(0)).toString("latin1");
  }

  skip(count: number): void {
    this.bytes(count);
  }

  bytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError("the store ends too soon");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}
