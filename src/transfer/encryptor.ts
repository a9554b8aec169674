/**
 * What stands between a file and the stored object where objects are encrypted before they leave. A transfer knows of
 * it only what is here; the hash of a transfer is always the plaintext's.
 */
import type { ByteStream, ObjectStream, RewindableSource } from "../storage/storage.ts";

/** Makes stored objects of files, all with one key. */
export interface Encryptor {
  /** Stands in the object keys of what it has encrypted, so that these never meet others: "aes1a2b3c4d". */
  readonly keyTag: string;
  /** Size of the stored object. Throws `unsupported` for a file that is too large to be encrypted. */
  storedBytes(plainBytes: number): number;
  /** Every reading of the source that this gives yields the same bytes, as long as the file stays the same. */
  encrypt(plain: RewindableSource, objectKey: string, signal?: AbortSignal): Promise<EncryptedSource>;
}

const keyTagPattern = /[^/]-((?:aes|kms)[0-9a-f]{8})\/[^/]*$/;

/** The key tag in an object key, behind the version: "…/1-42-aes1a2b3c4d/nb-1-big-Data.db". Undefined where there is none. */
export function keyTagIn(objectKey: string): string | undefined {
  return keyTagPattern.exec(objectKey)?.[1];
}

export interface EncryptedSource {
  readonly source: RewindableSource;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/**
 * The plaintext of a stored object, or its bytes as they are where they are not encrypted. Bytes may come before they
 * are proved: only the end of the stream, reached without an error, proves them. Throws `corrupt` where they are not
 * what was encrypted, and `unauthorized` where the key is not to be had.
 */
export type Decrypt = (stored: ObjectStream, objectKey: string) => Promise<ByteStream>;
