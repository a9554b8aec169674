import { markIn } from "../../transfer/transfer.ts";
import { kindOf } from "../format/marks.ts";
import type { RandomBytes } from "../format/object-format.ts";
import { isKmsEncrypted } from "../format/s3-client-format.ts";
import type { KmsKeys } from "../keys/keys.ts";
import { kmsClient } from "./client.ts";
import type { KmsClientOptions } from "./kms.ts";
import { kmsSealing } from "./sealing.ts";
import { unsealKms } from "./unsealing.ts";

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
