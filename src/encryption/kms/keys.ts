import { keyTagIn } from "../../transfer/transfer.ts";
import { kindOf } from "../format/key-tags.ts";
import type { RandomBytes } from "../format/object-format.ts";
import { isKmsEncrypted } from "../format/s3-client-format.ts";
import type { KmsKeys } from "../keys/keys.ts";
import { kmsClient } from "./client.ts";
import { decryptKms } from "./decryption.ts";
import { kmsEncryptor } from "./encryptor.ts";
import type { KmsClientOptions } from "./kms.ts";

export interface KmsKeysOptions extends KmsClientOptions {
  /** Encrypts what is stored from now on; what is read knows its key. */
  readonly keyId: string | undefined;
  readonly randomBytes: RandomBytes;
  readonly signal: AbortSignal;
}

/** Encryption with keys of a KMS, which is asked for the first time when an object needs it. */
export function openKmsKeys({ keyId, randomBytes, signal, ...options }: KmsKeysOptions): KmsKeys {
  const kms = kmsClient(options);
  return {
    keyId,
    encryptor: keyId === undefined ? undefined : kmsEncryptor({ keyId, kms, random: randomBytes }),
    decrypt: async (stored, objectKey) => {
      const isEncrypted = kindOf(keyTagIn(objectKey)) === "kms" || isKmsEncrypted(stored.metadata ?? {});
      return isEncrypted ? decryptKms(stored, kms, signal, objectKey) : stored;
    },
    close: () => kms.close(),
  };
}
