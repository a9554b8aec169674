/** The kinds of encryption, told apart by the marks in object keys: "aes" or "kms", then 8 hex digits. */
import { plainBytesOf, tagBytes } from "./object-format.ts";

export type EncryptionKind = "aes" | "kms";

/** Undefined for objects that no mark says to be encrypted. */
export function kindOf(mark: string | undefined): EncryptionKind | undefined {
  if (mark === undefined) return undefined;
  return mark.startsWith("kms") ? "kms" : "aes";
}

/** The file's size, from the stored object's; undefined where no file is stored as so many bytes. */
export function plainBytes(mark: string | undefined, storedBytes: number): number | undefined {
  switch (kindOf(mark)) {
    case undefined:
      return storedBytes;
    case "aes":
      return plainBytesOf(storedBytes);
    case "kms":
      return storedBytes < tagBytes ? undefined : storedBytes - tagBytes;
  }
}
