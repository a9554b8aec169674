import { join } from "node:path";
import { listSSTables } from "../../cassandra/cassandra.ts";
import { updateLiveJournal, withImports } from "./live-journal.ts";
import { type LiveRestore, type LiveTable, targetName, truncateSnapshots } from "./targets.ts";

/**
 * Truncates the target tables, of which a snapshot exists in any case: that of Cassandra, or, without `auto_snapshot`,
 * one of ours. The journal is written first: from now on, cleanup requires the import of these tables.
 */
export async function truncateTables(restore: LiveRestore): Promise<void> {
  const { node, tables, staging, clock, log, progress, signal } = restore;
  const names = tables.map(targetName);
  const before = new Map<string, readonly string[]>();
  for (const table of tables) before.set(targetName(table), await truncateSnapshots(table));
  // Not "esop-…", which the next backup would clear.
  const snapshot = `before-restore-${clock.now()}`;
  await updateLiveJournal(staging, (journal) => ({
    ...withImports(journal, names, "pending"),
    before: { ...Object.fromEntries(before), ...journal.before },
    snapshots: [...journal.snapshots, snapshot],
  }));
  await node.takeSnapshot(snapshot, names, { signal });
  progress.start({ label: "truncating", totalBytes: 0, totalFiles: tables.length });
  for (const table of tables) {
    signal.throwIfAborted();
    log.debug(`truncating ${targetName(table)}`);
    await node.truncate(table.target.keyspace, table.target.table, { signal });
    progress.fileDone();
  }
  progress.done();
  await keepWhereNeeded(restore, snapshot, before);
}

/** Clears our snapshot in the keyspaces of which Cassandra has taken one of each table that was not empty. */
async function keepWhereNeeded(
  { node, tables, log, signal }: LiveRestore,
  snapshot: string,
  before: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  for (const [keyspace, inKeyspace] of Map.groupBy(tables, ({ target }) => target.keyspace)) {
    let needed = false;
    for (const table of inKeyspace) {
      const former = before.get(targetName(table)) ?? [];
      if ((await truncateSnapshots(table)).some((name) => !former.includes(name))) continue;
      for (const path of await copiesIn(snapshot, table)) {
        needed = true;
        log.warn(`Cassandra took no snapshot of ${targetName(table)}: until cleanup, its former content is in ${path}`);
      }
    }
    if (!needed) await node.clearSnapshotOf(keyspace, snapshot, { signal });
  }
}

/** The directories of the snapshot that contain SSTables of the table. */
async function copiesIn(snapshot: string, { livePaths }: LiveTable): Promise<string[]> {
  const found: string[] = [];
  for (const livePath of livePaths) {
    const path = join(livePath, "snapshots", snapshot);
    if (((await listSSTables(path)) ?? []).length > 0) found.push(path);
  }
  return found;
}
