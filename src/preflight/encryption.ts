import type { Keys } from "../encryption/encryption.ts";
import { EarlierBackups, type NodeRepository, newestIfEncrypted } from "../repository/repository.ts";
import { formatCount } from "../units.ts";
import type { Passed } from "./finding.ts";

/**
 * Whether what was given opens what is encrypted; undefined where nothing is, and nothing was given. Throws
 * `unauthorized`, and `usage` for what is no key.
 */
export async function checkEncryption(
  repository: NodeRepository,
  keys: Keys,
  signal: AbortSignal,
): Promise<Passed | undefined> {
  if (keys.given) {
    const keyTags = await keys.openAll(repository.keyLocation, signal);
    if (keyTags.length === 0) return { says: "the key is valid; the first backup with --encrypt creates a data key" };
    return {
      says: `the key decrypts ${formatCount(keyTags.length, "data key")}; backups are encrypted with ${keyTags[0]}`,
    };
  }
  const newest = await newestIfEncrypted(new EarlierBackups(repository), signal);
  if (newest === undefined) return undefined;
  const named = `the newest backup, ${newest.name.text},`;
  if (newest.kmsKeyId !== undefined) {
    return {
      says: `${named} is encrypted with the KMS key '${newest.kmsKeyId}'; a restore needs permission to decrypt with it`,
    };
  }
  return {
    says: `${named} is encrypted, but no key is given`,
    warning: true,
    hint: "add --encryption-key-file or --encryption-passphrase-file to check the key",
  };
}
