import { type Keys, plainBytes } from "../encryption/encryption.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { BackupName, ManifestFile, NodeRepository } from "../repository/repository.ts";
import type { RestoreRequest } from "../request/request.ts";
import type { Decrypt } from "../transfer/transfer.ts";
import { formatCount } from "../units.ts";

interface Wanted {
  readonly request: RestoreRequest;
  readonly repository: NodeRepository;
  readonly backup: BackupName;
  readonly files: Iterable<ManifestFile>;
  readonly keys: Keys;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Phases that work with what is downloaded already want no key. */
const readingPhases: readonly RestoreRequest["phase"][] = [undefined, "init", "download"];

/**
 * How stored objects are read: opens all keys that the backup is encrypted with, before anything is touched. Throws
 * `unauthorized` where they do not open.
 */
export async function openBackup({ request, repository, backup, files, keys, log, signal }: Wanted): Promise<Decrypt> {
  const keyTags = new Set<string>();
  let bare = 0;
  for (const { path } of files) {
    if (path.keyTag === undefined) bare += 1;
    else keyTags.add(path.keyTag);
  }
  if (bare > 0 && keys.given) {
    const unencrypted = formatCount(bare, "unencrypted file");
    log.warn(`${backup.text} has ${unencrypted}: anyone with write access to the bucket can forge them`);
  }
  const reads = readingPhases.includes(request.phase) && !request.noDownloadData;
  return keys.forReading(repository.keyLocation, reads ? keyTags : new Set(), `backup ${backup.text}`, signal);
}

/** With the sizes of the files in place of the stored objects'. Throws `corrupt` for a size that no object has. */
export function* withFileSizes(files: Iterable<ManifestFile>): Generator<ManifestFile> {
  for (const file of files) yield withFileSize(file);
}

function withFileSize(file: ManifestFile): ManifestFile {
  const { entry, path } = file;
  const { size: storedBytes, kmsKeyId } = entry;
  if (storedBytes === undefined || (path.keyTag === undefined && kmsKeyId === undefined)) return file;
  const size = plainBytes(path.keyTag ?? "kms", storedBytes);
  if (size !== undefined) return { ...file, entry: { ...entry, size } };
  throw new AppError(
    "corrupt",
    `the manifest says ${entry.size} bytes of ${entry.objectKey}, and no encrypted file has so many`,
    {
      hint: "restore from another backup",
    },
  );
}
