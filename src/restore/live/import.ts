import { randomUUID } from "node:crypto";
import { readdir, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseComponentName } from "../../cassandra/cassandra.ts";
import { AppError, fileError, isAppError, systemErrorCode } from "../../errors.ts";
import { deviceOf } from "../../files/files.ts";
import { formatCount } from "../../units.ts";
import { makeDirectory, restoreDirectory } from "../directories.ts";
import { linkForImport, linkIntoLiveDirectory, unlinkLeftovers } from "./links.ts";
import { updateLiveJournal, withImports } from "./live-journal.ts";
import { fileNames, type LiveRestore, type LiveTable, targetName } from "./targets.ts";

/** Imports table by table, each recorded in the journal. After a failure, all tables are imported again. */
export async function importTables(restore: LiveRestore, strategy: "IMPORT" | "HARDLINKS"): Promise<void> {
  const { tables, staging, log, progress, signal } = restore;
  await updateLiveJournal(staging, (journal) => withImports(journal, tables.map(targetName), "pending"));
  progress.start({ label: "importing", totalBytes: 0, totalFiles: tables.length });
  for (const table of tables) {
    signal.throwIfAborted();
    const names = fileNames(restore, table);
    log.debug(`importing ${names.length} files into ${targetName(table)}`);
    if (strategy === "IMPORT") await importTable(restore, table, names);
    else await loadTable(restore, table, names);
    await updateLiveJournal(staging, (journal) => withImports(journal, [targetName(table)], "done"));
    progress.fileDone();
  }
  progress.done();
}

/**
 * Has Cassandra import an empty directory below the staging directory: throws `node-refused` if it does not see it, or
 * may not read and write it.
 */
export async function probeStaging(restore: LiveRestore): Promise<void> {
  const { node, request, staging, signal } = restore;
  const [table] = restore.tables;
  if (table === undefined) return;
  const { run, directory } = await makeImportDirectory(restore, table);
  try {
    await node.importSSTables(table.target, directory, { ...request.import, copy: true }, { signal });
  } catch (error) {
    if (!isAppError(error, "node-refused")) throw error;
    throw new AppError("node-refused", `Cassandra cannot import from ${staging}: ${error.message}`, {
      hint: "give an --import-source-dir that has the same path for Cassandra, and that its user can read and write",
      cause: error,
    });
  } finally {
    await rm(run, { recursive: true, force: true });
    await removeEmpty(staging);
  }
}

/** Removes the staging directory unless an earlier run has left files in it. */
async function removeEmpty(staging: string): Promise<void> {
  const parent = dirname(staging);
  const ours = basename(parent) === restoreDirectory ? [parent] : [];
  try {
    for (const directory of [join(staging, "import"), staging, ...ours]) await rmdir(directory);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemErrorCode(error) ?? "")) {
      throw fileError(error, `delete ${staging}`);
    }
  }
}

/**
 * Cassandra takes the table's name from the path. Each run has a directory of its own: the import of a run that was
 * killed may go on in the node, which imports into one table at a time.
 */
async function makeImportDirectory({ staging, owner }: LiveRestore, { target }: LiveTable) {
  const run = join(staging, "import", randomUUID());
  const directory = join(run, target.keyspace, target.table);
  await makeDirectory(directory, owner);
  return { run, directory };
}

async function importTable(restore: LiveRestore, table: LiveTable, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { node, request, staging, signal } = restore;
  const { directory } = await makeImportDirectory(restore, table);
  await linkForImport(table.stagingPath, directory, names);
  const device = await deviceOf(staging);
  const devices = await Promise.all(table.livePaths.map(deviceOf));
  const copy = devices.some((other) => other !== device);
  const before = new Set(await sstablesIn(table.livePaths));
  await node.importSSTables(table.target, directory, { ...request.import, copy }, { signal });
  // Cassandra moves or copies the SSTables that it recognizes, and ignores the others. Copies may be compacted at once.
  const total = names.filter(isData).length;
  const added = (await sstablesIn(table.livePaths)).some((name) => !before.has(name));
  const ignored = copy ? (added ? 0 : total) : (await sstablesIn([directory])).length;
  if (ignored > 0) throw notLoaded(table, ignored, total);
}

async function loadTable(restore: LiveRestore, table: LiveTable, names: readonly string[]): Promise<void> {
  const device = await deviceOf(restore.staging);
  const devices = await Promise.all(table.livePaths.map(deviceOf));
  const livePaths = table.livePaths.filter((_, index) => devices[index] === device);
  await unlinkLeftovers(table.stagingPath, names, table.livePaths);
  await linkIntoLiveDirectory(table.stagingPath, names, livePaths);
  await restore.node.loadNewSSTables(table.target.keyspace, table.target.table, { signal: restore.signal });
  // Cassandra renames the SSTables that it loads.
  const ignored = await unlinkLeftovers(table.stagingPath, names, table.livePaths);
  if (ignored > 0) throw notLoaded(table, ignored, names.filter(isData).length);
}

function isData(name: string): boolean {
  return parseComponentName(name)?.component === "Data.db";
}

/** The paths of Data files. */
async function sstablesIn(directories: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const directory of directories) {
    for (const name of await readdir(directory)) if (isData(name)) found.push(join(directory, name));
  }
  return found;
}

function notLoaded(table: LiveTable, ignored: number, total: number): AppError {
  const what = `${ignored} of ${formatCount(total, "SSTable")}`;
  return new AppError("node-refused", `Cassandra did not load ${what} of ${targetName(table)}`, {
    hint: "its system.log says why; the downloads and the snapshot from before truncate are still there",
  });
}
