import { join } from "node:path";
import { type CassandraNode, listSnapshots, type NodeFacts, type TableDirectory } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { stagingRoot } from "../../files/files.ts";
import type { RestoreRun } from "../context.ts";
import { type Owner, ownerToPreserve, restoreDirectory } from "../directories.ts";
import type { WantedFile } from "../fetch.ts";
import type { SelectedTable } from "../select-tables.ts";

/** A table of the running node. */
export interface TargetTable {
  readonly target: SelectedTable["target"];
  /** Its live directory in each data directory. */
  readonly livePaths: readonly string[];
}

/** A selected table and its target. */
export interface LiveTable extends SelectedTable, TargetTable {
  /** Where its files are downloaded to. */
  readonly stagingPath: string;
}

export interface LiveRestore extends RestoreRun {
  readonly node: CassandraNode;
  readonly facts: NodeFacts;
  readonly tables: readonly LiveTable[];
  /** `<import source directory>/<backup name>`: all files that this restore writes before the import. */
  readonly staging: string;
  readonly owner: Owner | undefined;
}

export async function findTargets(run: RestoreRun, node: CassandraNode, facts: NodeFacts): Promise<LiveRestore> {
  const { request, backup, selected, dataDirectories } = run;
  const [firstDirectory = ""] = dataDirectories;
  const system = selected.find(({ keyspace }) => keyspace === "system" || keyspace === "system_schema");
  if (system !== undefined) {
    throw new AppError("unsupported", `keyspace ${system.keyspace} cannot be restored on a running node`, {
      hint: "stop the node and restore IN_PLACE",
    });
  }
  // Not the directory in which an in-place restore of the same backup keeps the replaced files.
  const staging =
    request.import.sourceDir === undefined
      ? join(await stagingRoot(firstDirectory), restoreDirectory, `live-${backup.text}`)
      : join(request.import.sourceDir, backup.text);
  const tables: LiveTable[] = [];
  for (const table of selected) {
    const livePaths = await findLivePaths({ ...run, node, facts }, table.target);
    if (livePaths === undefined && table.withBase === true) {
      run.log.info(`${table.keyspace}.${table.table} is not restored: this node has no materialized view of that name`);
      continue;
    }
    if (livePaths === undefined) throw noTarget(table, backup.text);
    const stagingPath = join(staging, "files", table.keyspace, `${table.table}-${table.content.id}`);
    tables.push({ ...table, livePaths, stagingPath });
  }
  return { ...run, node, facts, tables, staging, owner: await ownerToPreserve(firstDirectory) };
}

type NodeDirectories = Pick<LiveRestore, "node" | "facts" | "dataDirectories" | "signal">;

/** The live directories of a table; undefined if the node has no such table. */
export async function findLivePaths(
  directories: NodeDirectories,
  target: SelectedTable["target"],
): Promise<readonly string[] | undefined> {
  const { node, signal } = directories;
  if (!(await node.tables(target.keyspace, { signal })).includes(target.table)) return undefined;
  return livePathsOf(directories, target);
}

/** The live directories of a table of the node, as this process sees them. */
export async function livePathsOf(
  { node, facts, dataDirectories, signal }: NodeDirectories,
  { keyspace, table }: SelectedTable["target"],
): Promise<readonly string[]> {
  const seenByNode = await node.dataPaths(keyspace, table, { signal });
  return seenByNode.map((path) => localPath(path, facts.dataDirectories, dataDirectories));
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

/** Without the SSTables of legacy indexes: a running node builds its indexes when it loads the data. */
export function wantedFiles({ files, tables }: LiveRestore): WantedFile[] {
  const staging = new Map(tables.map((table) => [`${table.keyspace}.${table.table}`, table.stagingPath]));
  return [...files()].flatMap(({ entry, path }) => {
    const directory = staging.get(`${path.keyspace}.${path.table}`);
    return directory === undefined || path.index !== undefined ? [] : [{ entry, path: join(directory, path.file) }];
  });
}

/** The names of the component files of a table, as {@link wantedFiles} stages them. */
export function fileNames({ files }: LiveRestore, { keyspace, table }: LiveTable): string[] {
  const found = [...files((k, t) => k === keyspace && t === table)];
  return found.filter(({ path }) => path.index === undefined).map(({ path }) => path.file);
}

export function targetName({ target }: Pick<TargetTable, "target">): string {
  return `${target.keyspace}.${target.table}`;
}

/** The snapshots that Cassandra took before it truncated the table. */
export async function truncateSnapshots(table: TargetTable): Promise<string[]> {
  return (await snapshotsOf(table)).filter(isTruncateSnapshot);
}

export function isTruncateSnapshot(name: string): boolean {
  return name.startsWith("truncated-");
}

export async function snapshotsOf({ livePaths, target }: TargetTable): Promise<string[]> {
  const names = new Set<string>();
  for (const path of livePaths) {
    const directory: TableDirectory = { ...target, path, dataDirectory: "", tableId: "" };
    for (const name of await listSnapshots(directory)) names.add(name);
  }
  return [...names];
}
