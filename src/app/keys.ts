import { randomBytes } from "node:crypto";
import { type Keys, openKeys, openKmsKeys } from "../encryption/encryption.ts";
import { type EncryptionKey, type StorageOptions, speaksS3 } from "../request/request.ts";
import type { AppContext } from "./context.ts";
import { retryPolicy, storeSettings } from "./open.ts";

/** What the operator gave to encrypt and decrypt with; read, and asked for, when it is first needed. Close it. */
export function requestedKeys(
  request: StorageOptions & { readonly encryptionKey?: EncryptionKey | undefined },
  context: AppContext,
): Keys {
  const { clock } = context;
  const kms = speaksS3(request.storageLocation.protocol) ? kmsOf(request, context) : undefined;
  return openKeys({ secret: request.encryptionKey, clock, random: randomBytes, kms });
}

function kmsOf(request: StorageOptions, { clock, log, environment, signal }: AppContext) {
  return openKmsKeys({
    keyId: request.kmsKeyId,
    region: request.s3.region,
    settings: storeSettings(request, environment),
    retry: retryPolicy(request),
    clock,
    log,
    random: Math.random,
    randomBytes,
    signal,
  });
}
