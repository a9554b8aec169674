/** The kinds of encryption, told apart by the key tags in object keys: "aes" or "kms", then 8 hex digits. */
import { plainBytesOf, tagBytes } from "./object-format.ts";

export type EncryptionKind = "aes" | "kms";

/** Undefined for objects that no key tag says to be encrypted. */
export function kindOf(keyTag: string | undefined): EncryptionKind | undefined {
  if (keyTag === undefined) return undefined;
  return keyTag.startsWith("kms") ? "kms" : "aes";
}

/** The file's size, from the stored object's; undefined where no file is stored as so many bytes. */
export function plainBytes(keyTag: string | undefined, storedBytes: number): number | undefined {
  switch (kindOf(keyTag)) {
    case undefined:
      return storedBytes;
    case "aes":
      return plainBytesOf(storedBytes);
    case "kms":
      return storedBytes < tagBytes ? undefined : storedBytes - tagBytes;
  }
}
