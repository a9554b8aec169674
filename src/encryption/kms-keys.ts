import { markIn } from "../transfer/transfer.ts";
import type { KmsKeys } from "./keys.ts";
import { type KmsClientOptions, kmsClient } from "./kms-client.ts";
import { kmsSealing } from "./kms-sealing.ts";
import { unsealKms } from "./kms-unsealing.ts";
import { kindOf } from "./marks.ts";
import type { RandomBytes } from "./object-format.ts";
import { isKmsEncrypted } from "./s3-client-format.ts";

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
    sealing: keyId === undefined ? undefined : kmsSealing({ keyId, kms, random: randomBytes }),
    unseal: async (stored, objectKey) => {
      const isEncrypted = kindOf(markIn(objectKey)) === "kms" || isKmsEncrypted(stored.metadata ?? {});
      return isEncrypted ? unsealKms(stored, kms, signal, objectKey) : stored;
    },
    close: () => kms.close(),
  };
}
