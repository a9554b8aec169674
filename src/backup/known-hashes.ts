import type { Logger } from "../log.ts";
import { type EarlierBackups, manifestEntries, type StoredManifest } from "../repository/repository.ts";

/** What the node's earlier manifests say of one stored object. */
export interface KnownObject {
  readonly hash: string | null | undefined;
  /**
   * Whether a manifest of ours says so. Esop's manifests name a component that was rewritten in place under its old key
   * with the new content's hash: what they say of such components must be checked against the object itself.
   */
  readonly trusted: boolean;
}

/**
 * What earlier manifests say of the objects in `wanted`: the newest manifest of ours, or where none of ours names an
 * object, the newest of another tool. Reads no more manifests than it takes. One that cannot be read is passed over:
 * its objects are hashed again.
 */
export async function knownObjects(
  earlier: EarlierBackups,
  wanted: ReadonlySet<string>,
  log: Logger,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, KnownObject>> {
  const known = new Map<string, KnownObject>();
  let missing = wanted.size;
  for (const { name } of missing === 0 ? [] : await earlier.list(signal)) {
    let stored: StoredManifest;
    try {
      stored = await earlier.read(name, signal, ({ objectKey }) => wanted.has(objectKey));
    } catch (error) {
      signal?.throwIfAborted();
      log.warn(`passed over an earlier backup: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const trusted = stored.ours;
    for (const { objectKey, hash } of manifestEntries(stored.manifest)) {
      if (!wanted.has(objectKey)) continue;
      const before = known.get(objectKey);
      if (before === undefined || (trusted && !before.trusted)) known.set(objectKey, { hash, trusted });
      if (trusted && before?.trusted !== true) missing -= 1;
    }
    if (missing === 0) break;
  }
  earlier.forget();
  return known;
}
