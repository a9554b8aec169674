import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError } from "../../errors.ts";
import { syncDirectory } from "../../files/files.ts";
import { existingDirectories, removeRestoreDirectory } from "../directories.ts";
import { journalPath, type LiveJournal, readLiveJournal } from "./live-journal.ts";
import {
  findLivePaths,
  isTruncateSnapshot,
  type LiveRestore,
  snapshotsOf,
  type TargetTable,
  targetName,
} from "./targets.ts";

/**
 * Throws `node-state` if a table of the journal, selected or not, was truncated but not imported, unless the request
 * forces the cleanup.
 */
export async function checkImported({ staging, request }: LiveRestore): Promise<void> {
  const pending = pendingTables(await readLiveJournal(staging));
  if (pending.length === 0 || request.forceCleanup) return;
  throw new AppError("node-state", `the import of ${pending.join(", ")} is not complete`, {
    hint:
      "run --restoration-phase-type import again, with the same options; " +
      "--restoration-force-cleanup deletes the downloads without it, and keeps the snapshots of these tables",
  });
}

/**
 * Deletes the downloads, and the snapshots from before truncate of the tables that were imported. A snapshot of another
 * table is the only copy of what it contained, and is kept.
 */
export async function cleanUp(restore: LiveRestore): Promise<void> {
  const { staging, request } = restore;
  await checkImported(restore);
  const journal = await readLiveJournal(staging);
  const tables = await journaledTables(restore, journal);
  // From here on, the live directories have the only other copy of the restored SSTables.
  for (const path of await existingDirectories(tables.flatMap(({ livePaths }) => livePaths))) await syncDirectory(path);
  if (!request.noDeleteTruncates && journal !== undefined) await clearSnapshots(restore, tables, journal);
  try {
    await rm(join(staging, "import"), { recursive: true, force: true });
    if (request.noDeleteDownloads) await rm(journalPath(staging), { force: true });
    else await removeRestoreDirectory(staging);
  } catch (error) {
    throw fileError(error, `delete ${staging}`);
  }
}

function pendingTables(journal: LiveJournal | undefined): string[] {
  return Object.entries(journal?.imports ?? {}).flatMap(([table, state]) => (state === "done" ? [] : [table]));
}

/** The selected tables, and those that an earlier run of this restore truncated or imported. */
async function journaledTables(restore: LiveRestore, journal: LiveJournal | undefined): Promise<TargetTable[]> {
  const tables: TargetTable[] = [...restore.tables];
  const selected = new Set(tables.map(targetName));
  for (const name of Object.keys({ ...journal?.before, ...journal?.imports })) {
    const [keyspace = "", table = ""] = name.split(".");
    if (selected.has(name)) continue;
    const livePaths = await findLivePaths(restore, { keyspace, table });
    if (livePaths !== undefined) tables.push({ target: { keyspace, table }, livePaths });
  }
  return tables;
}

async function clearSnapshots(
  { node, log, signal }: LiveRestore,
  tables: readonly TargetTable[],
  journal: LiveJournal,
): Promise<void> {
  const pending = new Set(pendingTables(journal));
  const kept = new Set<string>();
  const cleared = new Map<string, { readonly keyspace: string; readonly snapshot: string }>();
  for (const table of tables) {
    const name = targetName(table);
    const { keyspace } = table.target;
    const ours = await snapshotsOfRestore(table, journal);
    if (pending.has(name) && ours.length > 0) {
      log.warn(`${name} was not imported: keeping its snapshot ${ours.join(", ")} from before the restore`);
    }
    for (const snapshot of ours) {
      if (pending.has(name)) kept.add(`${keyspace}/${snapshot}`);
      else cleared.set(`${keyspace}/${snapshot}`, { keyspace, snapshot });
    }
  }
  for (const [key, { keyspace, snapshot }] of cleared) {
    if (!kept.has(key)) await node.clearSnapshotOf(keyspace, snapshot, { signal });
  }
}

/** None for a table that this restore did not truncate on this node. */
async function snapshotsOfRestore(table: TargetTable, { before, snapshots }: LiveJournal): Promise<string[]> {
  const former = before[targetName(table)];
  if (former === undefined) return [];
  const isOurs = (name: string) => snapshots.includes(name) || (isTruncateSnapshot(name) && !former.includes(name));
  return (await snapshotsOf(table)).filter(isOurs);
}
