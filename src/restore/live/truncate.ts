import { updateLiveJournal, withImports } from "./live-journal.ts";
import { type LiveRestore, targetName, truncateSnapshots } from "./targets.ts";

/** The journal is written first: from now on, cleanup requires the import of these tables. */
export async function truncateTables(restore: LiveRestore): Promise<void> {
  const { node, tables, staging, log, progress, signal } = restore;
  const names = tables.map(targetName);
  const before = new Map<string, readonly string[]>();
  for (const table of tables) before.set(targetName(table), await truncateSnapshots(table));
  await updateLiveJournal(staging, (journal) => ({
    ...withImports(journal, names, "pending"),
    before: { ...Object.fromEntries(before), ...journal.before },
  }));
  progress.start({ label: "truncating", totalBytes: 0, totalFiles: tables.length });
  for (const table of tables) {
    signal.throwIfAborted();
    log.debug(`truncating ${targetName(table)}`);
    await node.truncate(table.target.keyspace, table.target.table, { signal });
    progress.fileDone();
  }
  progress.done();
}
