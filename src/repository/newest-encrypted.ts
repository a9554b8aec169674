import { isAppError } from "../errors.ts";
import { keyTagIn } from "../transfer/transfer.ts";
import type { EarlierBackups } from "./earlier-backups.ts";
import type { BackupName } from "./layout.ts";
import { type Manifest, manifestEntries } from "./manifest.ts";

export interface EncryptedBackup {
  readonly name: BackupName;
  /** Of a KMS, where its key encrypted the backup. */
  readonly kmsKeyId: string | undefined;
}

/** The newest backup whose manifest can be read, if it is encrypted. */
export async function newestIfEncrypted(
  earlier: EarlierBackups,
  signal: AbortSignal,
): Promise<EncryptedBackup | undefined> {
  for (const { name } of await earlier.list(signal)) {
    let manifest: Manifest;
    try {
      ({ manifest } = await earlier.read(name, signal));
    } catch (error) {
      if (!isAppError(error, "corrupt") && !isAppError(error, "not-found")) throw error;
      continue;
    }
    for (const { objectKey, kmsKeyId } of manifestEntries(manifest)) {
      if (keyTagIn(objectKey) !== undefined || kmsKeyId !== undefined) return { name, kmsKeyId };
    }
    return undefined;
  }
  return undefined;
}
