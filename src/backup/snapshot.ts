import { type CassandraNode, listSnapshots, listTableDirectories } from "../cassandra/cassandra.ts";
import type { Logger } from "../log.ts";

/** Every snapshot that a backup of ours takes has this prefix, so that a crashed run's can be told from the operator's. */
const prefix = "esop-";

export function snapshotName(tag: string): string {
  return prefix + tag;
}

/** Clears the snapshots that earlier runs of ours left on the node. Call only while no other backup can be running. */
export async function clearLeftovers(
  node: CassandraNode,
  dataDirectories: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const leftovers = new Set<string>();
  for (const directory of await listTableDirectories(dataDirectories, () => true, signal)) {
    for (const name of await listSnapshots(directory)) if (name.startsWith(prefix)) leftovers.add(name);
  }
  for (const name of leftovers) {
    log.warn(`clearing snapshot ${name}, left by an earlier run that did not end`);
    await node.clearSnapshot(name, { signal });
  }
}

/** Long enough for any disk to unlink a snapshot, short enough that a hung node does not keep us. */
const clearTimeoutMs = 300_000;

/**
 * Takes a snapshot, runs `use`, and clears the snapshot however `use` ended, also after an abort. A snapshot that cannot
 * be cleared does not fail the backup, which is complete by then: the next run clears it.
 */
export async function withSnapshot<T>(
  node: CassandraNode,
  snapshot: { readonly name: string; readonly entities: readonly string[] },
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  use: () => Promise<T>,
): Promise<T> {
  try {
    await node.takeSnapshot(snapshot.name, snapshot.entities, { signal });
    return await use();
  } finally {
    // A call that was given up may still be at work in the node: a snapshot that failed is cleared as well.
    try {
      await node.clearSnapshot(snapshot.name, { timeoutMs: clearTimeoutMs });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`cannot clear snapshot ${snapshot.name}: ${reason}; the next backup clears it`);
    }
  }
}
