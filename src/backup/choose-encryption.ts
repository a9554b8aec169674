import type { BackupEncryptor, Keys } from "../encryption/encryption.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type EarlierBackups, type NodeRepository, newestIfEncrypted } from "../repository/repository.ts";
import type { BackupRequest } from "../request/request.ts";

interface Choice {
  readonly request: BackupRequest;
  readonly repository: NodeRepository;
  readonly earlier: EarlierBackups;
  /** Whether the bucket is there. */
  readonly exists: boolean;
  readonly keys: Keys;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * How this backup is encrypted; undefined where it is not. Nothing leaves in the clear by mistake: where the newest backup
 * is encrypted, a backup must be told in so many words not to be (`usage`).
 */
export async function chooseEncryption(choice: Choice): Promise<BackupEncryptor | undefined> {
  const { request, repository, earlier, exists, keys, log, signal } = choice;
  const newestEncrypted = async () => (exists ? await newestIfEncrypted(earlier, signal) : undefined);
  if (request.encrypt === true || request.kmsKeyId !== undefined) {
    const encryptor = await keys.forBackup(repository.keyLocation, signal);
    const orphan = encryptor.isNew ? await newestEncrypted() : undefined;
    if (orphan !== undefined) {
      log.warn(
        `the key of the newest backup, ${orphan.name.text}, is not in the repository any more; beginning a new one`,
      );
    }
    return encryptor;
  }
  const newest = request.encrypt === undefined ? await newestEncrypted() : undefined;
  if (newest === undefined) return undefined;
  const how = newest.kmsKeyId === undefined ? "--encrypt and its key" : `--kms-key-id '${newest.kmsKeyId}'`;
  throw new AppError("usage", `the newest backup, ${newest.name.text}, is encrypted, and this one would not be`, {
    hint: `add ${how}, or --encrypt=false to upload unencrypted files`,
  });
}
