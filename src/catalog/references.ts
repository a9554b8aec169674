import { isAppError } from "../errors.ts";
import {
  type BackupName,
  type Manifest,
  manifestEntries,
  type NodeRepository,
  type StoredBackup,
} from "../repository/repository.ts";
import { keyTagIn } from "../transfer/transfer.ts";

/** What one backup names, counted. */
export interface BackupTally {
  readonly name: BackupName;
  readonly tables: number;
  readonly files: number;
  readonly bytes: number;
  /** The tags of the keys that its objects are encrypted with; empty for an unencrypted backup. */
  readonly encryptedWith: readonly string[];
  /** The manifest cannot be read, and why: nothing is known of what it names. */
  readonly damaged: string | undefined;
}

/** Everything the backups of one node name, and by how many of them. Reads each manifest once, one after the other. */
export interface References {
  /** Newest first. */
  readonly backups: readonly BackupTally[];
  /** Bytes of all named objects, each counted once. */
  readonly bytes: number;
  readonly files: number;
  /** Bytes of the objects that only this backup names. */
  reclaimableBytes(name: BackupName): number;
}

const shared = -1;

/** The one backup that uses an object (its index), or `shared`, with the object's size. */
interface Use {
  user: number;
  readonly bytes: number;
}

export async function readReferences(repository: NodeRepository, signal: AbortSignal): Promise<References> {
  const uses = new Map<string, Use>();
  const backups: BackupTally[] = [];
  for (const stored of await repository.listBackups(signal)) {
    signal.throwIfAborted();
    backups.push(await tally(repository, stored, backups.length, uses, signal));
  }
  const alone = new Map<number, number>();
  let bytes = 0;
  for (const use of uses.values()) {
    bytes += use.bytes;
    if (use.user !== shared) alone.set(use.user, (alone.get(use.user) ?? 0) + use.bytes);
  }
  const indexes = new Map(backups.map(({ name }, index) => [name.text, index]));
  return {
    backups,
    bytes,
    files: uses.size,
    reclaimableBytes: ({ text }) => alone.get(indexes.get(text) ?? shared) ?? 0,
  };
}

async function tally(
  repository: NodeRepository,
  { name }: StoredBackup,
  index: number,
  uses: Map<string, Use>,
  signal: AbortSignal,
): Promise<BackupTally> {
  let manifest: Manifest;
  try {
    manifest = await repository.readManifest(name, signal);
  } catch (error) {
    if (!isAppError(error, "corrupt")) throw error;
    return { name, tables: 0, files: 0, bytes: 0, encryptedWith: [], damaged: error.message };
  }
  let [files, bytes] = [0, 0];
  const keyTags = new Set<string>();
  for (const { objectKey, size = 0 } of manifestEntries(manifest)) {
    files += 1;
    bytes += size;
    const keyTag = keyTagIn(objectKey);
    if (keyTag !== undefined) keyTags.add(keyTag);
    const use = uses.get(objectKey);
    if (use === undefined) uses.set(objectKey, { user: index, bytes: size });
    else if (use.user !== index) use.user = shared;
  }
  const tables = Object.values(manifest.snapshot.keyspaces).reduce(
    (sum, keyspace) => sum + Object.keys(keyspace.tables).length,
    0,
  );
  return { name, tables, files, bytes, encryptedWith: [...keyTags].sort(), damaged: undefined };
}
