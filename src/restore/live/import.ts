import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { deviceOf } from "../../files/files.ts";
import { makeDirectory } from "../directories.ts";
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

async function importTable(restore: LiveRestore, table: LiveTable, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { node, request, staging, owner, signal } = restore;
  // Cassandra takes the table's name from the path, and moves the files out of it. A directory of this run's own: the
  // import of a run that was killed may go on in the node, and one table's imports wait for each other there.
  const directory = join(staging, "import", randomUUID(), table.target.keyspace, table.target.table);
  await makeDirectory(directory, owner);
  await linkForImport(table.stagingPath, directory, names);
  const device = await deviceOf(staging);
  const devices = await Promise.all(table.livePaths.map(deviceOf));
  const copy = devices.some((other) => other !== device);
  await node.importSSTables(table.target, directory, { ...request.import, copy }, { signal });
}

async function loadTable(restore: LiveRestore, table: LiveTable, names: readonly string[]): Promise<void> {
  const device = await deviceOf(restore.staging);
  const devices = await Promise.all(table.livePaths.map(deviceOf));
  const livePaths = table.livePaths.filter((_, index) => devices[index] === device);
  await unlinkLeftovers(table.stagingPath, names, table.livePaths);
  await linkIntoLiveDirectory(table.stagingPath, names, livePaths);
  await restore.node.loadNewSSTables(table.target.keyspace, table.target.table, { signal: restore.signal });
}
