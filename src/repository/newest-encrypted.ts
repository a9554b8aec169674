import { isAppError } from "../errors.ts";
import { keyTagIn } from "../transfer/transfer.ts";
import type { EarlierBackups } from "./earlier-backups.ts";
import type { BackupName } from "./layout.ts";
import { type Manifest, type ManifestEntry, manifestEntries } from "./manifest.ts";

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
      ({ manifest } = await earlier.read(name, signal, firstEncrypted()));
    } catch (error) {
      if (!isAppError(error, "corrupt") && !isAppError(error, "not-found")) throw error;
      continue;
    }
    for (const entry of manifestEntries(manifest)) {
      if (isEncrypted(entry)) return { name, kmsKeyId: entry.kmsKeyId };
    }
    return undefined;
  }
  return undefined;
}

/** Accepts one entry, which is enough to tell. */
function firstEncrypted(): (entry: ManifestEntry) => boolean {
  let found = false;
  return (entry) => {
    if (found || !isEncrypted(entry)) return false;
    found = true;
    return true;
  };
}

function isEncrypted({ objectKey, kmsKeyId }: ManifestEntry): boolean {
  return keyTagIn(objectKey) !== undefined || kmsKeyId !== undefined;
}
