/**
 * Restoring while the node runs: IMPORT (Cassandra takes the SSTables from our directory) and HARDLINKS (they are linked
 * into the table's live directory, then loaded). The phases:
 *
 *   init      the backup, its tables and their targets exist, there is room; nothing is touched
 *   download  every file lies verified in the staging directory; the node's data is untouched
 *   truncate  the point of no return, after everything that can fail early; Cassandra keeps a snapshot of what was there
 *   import    Cassandra takes up the SSTables
 *   cleanup   downloads, and the snapshots that truncate made
 *
 * Downloads stay until cleanup and Cassandra is only ever given links to them, so that any phase may be run again after
 * anything went wrong: nothing is fetched twice, and truncate and import always start over.
 */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type CassandraNode, listSnapshots, type NodeFacts, type TableDirectory } from "../../cassandra/cassandra.ts";
import { AppError, fileError } from "../../errors.ts";
import { deviceOf, stagingRoot, syncDirectory } from "../../files/files.ts";
import { formatFiles } from "../../units.ts";
import type { FetchReport, RestoreRun } from "../context.ts";
import {
  checkSpace,
  existingDirectories,
  makeDirectory,
  type Owner,
  ownerToPreserve,
  removeRestoreDirectory,
  restoreDirectory,
} from "../directories.ts";
import { bytesOf, fetchFiles, fetchOptions, missingFiles, type WantedFile } from "../fetch.ts";
import { readJournal, writeJournal } from "../journal.ts";
import type { SelectedTable } from "../select-tables.ts";
import { checkHealth, checkTokens } from "./health.ts";
import { linkForImport, linkIntoLiveDirectory, unlinkLeftovers } from "./links.ts";

/** A selected table with what is known of its target on the running node. */
export interface LiveTable extends SelectedTable {
  /** The target's live directory in each data directory. */
  readonly livePaths: readonly string[];
  /** Where its files are downloaded to. */
  readonly stagingPath: string;
}

interface LiveRestore extends RestoreRun {
  readonly node: CassandraNode;
  readonly facts: NodeFacts;
  readonly tables: readonly LiveTable[];
  /** `<import source directory>/<backup name>`: everything this restore writes until truncate. */
  readonly staging: string;
  readonly owner: Owner | undefined;
}

export interface LivePhases {
  readonly strategy: "IMPORT" | "HARDLINKS";
  /** One phase, or all of them. */
  readonly phase: "init" | "download" | "truncate" | "import" | "cleanup" | undefined;
}

export async function restoreLive(
  run: RestoreRun,
  node: CassandraNode,
  facts: NodeFacts,
  { strategy, phase }: LivePhases,
): Promise<FetchReport> {
  const restore = await prepare(run, node, facts);
  const wanted = wantedFiles(restore);
  const due = (name: typeof phase) => phase === undefined || phase === name;
  if (phase !== "cleanup") await checkTokens(restore.manifest, node, facts, run.signal);
  const cleaning = phase === "cleanup";
  const missing = cleaning ? [] : await missingFiles(wanted, fetchOptions(restore, restore.owner));
  const plan = planned(cleaning ? [] : wanted, missing);
  if (due("init") || due("download")) await checkRoom(restore, strategy, missing);
  if (due("download") || due("truncate") || due("import")) await checkHealth(node, run.signal);
  if (phase === undefined) await refuseToEmptyOthers(node, run.signal);
  if (run.request.dryRun || phase === "init") return plan;
  let report: FetchReport = plan;
  if (due("download")) {
    if (run.request.noDownloadData && missing.length > 0) throw notDownloaded(missing);
    report = await fetchFiles(wanted, missing, fetchOptions(restore, restore.owner));
  } else if ((due("truncate") || due("import")) && missing.length > 0) throw notDownloaded(missing);
  if (due("truncate")) await truncate(restore);
  if (due("import")) await importTables(restore, strategy);
  if (due("cleanup")) await cleanUp(restore);
  return report;
}

/** The files to download, and those that an earlier run has downloaded. */
function planned(wanted: readonly WantedFile[], missing: readonly WantedFile[]): FetchReport {
  return {
    fetched: { files: missing.length, bytes: bytesOf(missing) },
    reused: { files: wanted.length - missing.length, bytes: bytesOf(wanted) - bytesOf(missing) },
  };
}

async function prepare(run: RestoreRun, node: CassandraNode, facts: NodeFacts): Promise<LiveRestore> {
  const { request, backup, selected, dataDirectories, signal } = run;
  const [firstDirectory = ""] = dataDirectories;
  const system = selected.find(({ keyspace }) => keyspace === "system" || keyspace === "system_schema");
  if (system !== undefined) {
    throw new AppError("unsupported", `keyspace ${system.keyspace} cannot be restored on a running node`, {
      hint: "stop the node and restore IN_PLACE",
    });
  }
  // Apart from what an in-place restore of the same backup may still keep aside.
  const staging =
    request.import.sourceDir === undefined
      ? join(await stagingRoot(firstDirectory), restoreDirectory, `live-${backup.text}`)
      : join(request.import.sourceDir, backup.text);
  const tables: LiveTable[] = [];
  for (const table of selected) {
    const { keyspace, table: name } = table.target;
    if (!(await node.tables(keyspace, { signal })).includes(name)) throw noTarget(table, backup.text);
    const seenByNode = await node.dataPaths(keyspace, name, { signal });
    const livePaths = seenByNode.map((path) => localPath(path, facts.dataDirectories, dataDirectories));
    const stagingPath = join(staging, "files", table.keyspace, `${table.table}-${table.content.id}`);
    tables.push({ ...table, livePaths, stagingPath });
  }
  return { ...run, node, facts, tables, staging, owner: await ownerToPreserve(firstDirectory) };
}

/** A path below one of the node's data directories, as this process sees that directory. */
function localPath(path: string, seenByNode: readonly string[], seenHere: readonly string[]): string {
  const index = seenByNode.findIndex((directory) => path.startsWith(`${directory}/`));
  const [there, here] = [seenByNode[index], seenHere[index]];
  return there === undefined || here === undefined ? path : here + path.slice(there.length);
}

function noTarget({ keyspace, table, target, content }: SelectedTable, backup: string): AppError {
  const renamed = keyspace !== target.keyspace || table !== target.table;
  const asked = `esop list --schema ${backup} --entities ${keyspace}.${table}`;
  const made = content.schemaContent === undefined ? "" : `; \`${asked}\` prints its statement`;
  return new AppError("not-found", `table '${target.keyspace}.${target.table}' does not exist on this node`, {
    hint: `create it${renamed ? ` with the columns of ${keyspace}.${table}` : " as it was"} and run the same command again${made}`,
  });
}

/** Index SSTables of a running node are not brought: Cassandra builds its indexes when it takes up the data. */
function wantedFiles({ files, tables }: LiveRestore): WantedFile[] {
  const staging = new Map(tables.map((table) => [`${table.keyspace}.${table.table}`, table.stagingPath]));
  return [...files()].flatMap(({ entry, path }) => {
    const directory = staging.get(`${path.keyspace}.${path.table}`);
    return directory === undefined || path.index !== undefined ? [] : [{ entry, path: join(directory, path.file) }];
  });
}

async function checkRoom(restore: LiveRestore, strategy: string, missing: readonly WantedFile[]): Promise<void> {
  await checkSpace(restore.staging, bytesOf(missing));
  const device = await deviceOf(restore.staging);
  for (const { livePaths, target } of restore.tables) {
    const devices = await Promise.all(livePaths.map(deviceOf));
    if (strategy !== "HARDLINKS" || devices.includes(device)) continue;
    throw new AppError(
      "usage",
      `${restore.staging} is on another file system than ${target.keyspace}.${target.table}`,
      {
        hint: `give an --import-source-dir on the file system of ${livePaths.join(" or ")}, or restore with IMPORT`,
      },
    );
  }
}

/** One command for one node must not empty the table on the others, whose parts it does not bring back. */
async function refuseToEmptyOthers(node: CassandraNode, signal: AbortSignal): Promise<void> {
  const nodes = await node.topology({ signal });
  if (nodes.length === 1) return;
  throw new AppError(
    "node-state",
    `this would empty the tables on all ${nodes.length} nodes and restore only this one`,
    {
      hint:
        "run --restoration-phase-type download on every node, then truncate on one, " +
        "then import on every node, then cleanup on every node",
    },
  );
}

function notDownloaded(missing: readonly WantedFile[]): AppError {
  return new AppError(
    "not-found",
    `${formatFiles({ files: missing.length, bytes: bytesOf(missing) })} not downloaded yet`,
    {
      hint: "run --restoration-phase-type download first, with the same --import-source-dir",
    },
  );
}

/** Which `truncated-…` snapshots were there before this restore's truncate, by table; what comes later is its own. */
interface LiveJournal {
  readonly before: Readonly<Record<string, readonly string[]>>;
}

function parseLiveJournal(value: unknown): LiveJournal | undefined {
  if (typeof value !== "object" || value === null || !("before" in value)) return undefined;
  const { before } = value;
  if (typeof before !== "object" || before === null) return undefined;
  const tables = Object.entries(before).map(([table, names]): [string, string[]] => [
    table,
    Array.isArray(names) ? names.filter((name) => typeof name === "string") : [],
  ]);
  return { before: Object.fromEntries(tables) };
}

/** Not the name of an in-place restore's journal, which may lie in a directory beside. */
const journalFile = "live-journal.json";

async function truncateSnapshots({ livePaths, target }: LiveTable): Promise<string[]> {
  const names = new Set<string>();
  for (const path of livePaths) {
    const directory: TableDirectory = { ...target, path, dataDirectory: "", tableId: "" };
    for (const name of await listSnapshots(directory)) if (name.startsWith("truncated-")) names.add(name);
  }
  return [...names];
}

async function truncate(restore: LiveRestore): Promise<void> {
  const { node, tables, staging, log, progress, signal } = restore;
  const path = join(staging, journalFile);
  const journal = (await readJournal(path, parseLiveJournal)) ?? { before: {} };
  const before: Record<string, readonly string[]> = { ...journal.before };
  for (const table of tables) before[targetName(table)] ??= await truncateSnapshots(table);
  await writeJournal(path, { before });
  progress.start({ label: "truncating", totalBytes: 0, totalFiles: tables.length });
  for (const table of tables) {
    signal.throwIfAborted();
    log.debug(`truncating ${targetName(table)}`);
    await node.truncate(table.target.keyspace, table.target.table, { signal });
    progress.fileDone();
  }
  progress.done();
}

function targetName({ target }: LiveTable): string {
  return `${target.keyspace}.${target.table}`;
}

async function importTables(restore: LiveRestore, strategy: "IMPORT" | "HARDLINKS"): Promise<void> {
  const { tables, log, progress, signal } = restore;
  progress.start({ label: "importing", totalBytes: 0, totalFiles: tables.length });
  for (const table of tables) {
    signal.throwIfAborted();
    const files = [...restore.files((k, t) => k === table.keyspace && t === table.table)];
    const names = files.filter(({ path }) => path.index === undefined).map(({ path }) => path.file);
    log.debug(`importing ${names.length} files into ${targetName(table)}`);
    if (strategy === "IMPORT") await importTable(restore, table, names);
    else await loadTable(restore, table, names);
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

async function cleanUp(restore: LiveRestore): Promise<void> {
  const { node, tables, staging, request, signal } = restore;
  const path = join(staging, journalFile);
  const journal = await readJournal(path, parseLiveJournal);
  // What is deleted now is the only other copy of what Cassandra took up.
  const livePaths = await existingDirectories(tables.flatMap((table) => table.livePaths));
  for (const livePath of livePaths) await syncDirectory(livePath);
  if (!request.noDeleteTruncates && journal !== undefined) {
    const ours = new Set<string>();
    for (const table of tables) {
      const before = journal.before[targetName(table)];
      if (before === undefined) continue;
      for (const name of await truncateSnapshots(table)) if (!before.includes(name)) ours.add(name);
    }
    for (const name of ours) await node.clearSnapshot(name, { signal });
  }
  try {
    await rm(join(staging, "import"), { recursive: true, force: true });
    if (request.noDeleteDownloads) await rm(path, { force: true });
    else await removeRestoreDirectory(staging);
  } catch (error) {
    throw fileError(error, `delete ${staging}`);
  }
}
