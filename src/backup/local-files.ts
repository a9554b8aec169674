import { join } from "node:path";
import {
  type LocalSSTable,
  listSSTables,
  listTableDirectories,
  missingComponent,
  parseComponentName,
  snapshotDataFiles,
  snapshotDirectory,
  snapshotSchema,
  sstableDigest,
  type TableDirectory,
  tocComponent,
} from "../cassandra/cassandra.ts";
import { AppError, throwIfAborted } from "../errors.ts";
import { withDistinctNames } from "./distinct-names.ts";
import type { LocalTable } from "./local-table.ts";

/** Which directory of a table is read: a snapshot's, or (for a dry run) the live one. */
export type Source = { readonly snapshot: string } | "live";

export interface ReadTablesOptions {
  readonly dataDirectories: readonly string[];
  readonly wanted: (keyspace: string, table: string) => boolean;
  readonly source: Source;
  readonly signal?: AbortSignal;
}

/**
 * Every wanted table with all its SSTables, the data directories taken together; sorted by keyspace and table. A table
 * of a snapshot must have what Cassandra's own manifest of the snapshot lists, and each SSTable what its TOC lists:
 * throws `not-found` where an SSTable is missing, because it was deleted or lies in a directory that was not given, and
 * `corrupt` where a component is.
 */
export async function readLocalTables(options: ReadTablesOptions): Promise<LocalTable[]> {
  const { dataDirectories, wanted, source, signal } = options;
  const tables = new Map<string, FoundTable>();
  for (const directory of await listTableDirectories(dataDirectories, wanted, signal)) {
    throwIfAborted(signal);
    const found = await readTableDirectory(directory, source, signal);
    if (found === undefined) continue;
    const { keyspace, table, tableId } = directory;
    const key = `${keyspace}/${table}-${tableId}`;
    const before = tables.get(key) ?? { keyspace, table, tableId, schema: undefined, sstables: [], listed: undefined };
    tables.set(key, {
      ...before,
      schema: before.schema ?? found.schema,
      sstables: [...before.sstables, ...found.sstables],
      listed: found.listed === undefined ? before.listed : [...(before.listed ?? []), ...found.listed],
    });
  }
  const read = [...tables.values()].map(({ listed, ...table }) => {
    if (source !== "live") checkListed(table, listed);
    return withDistinctNames(table);
  });
  if (source !== "live") checkTableIds(read);
  return read;
}

interface FoundTable extends LocalTable {
  /** Data components that Cassandra's manifest of the snapshot lists; undefined before the manifest is found. */
  readonly listed: readonly string[] | undefined;
}

async function readTableDirectory(directory: TableDirectory, source: Source, signal: AbortSignal | undefined) {
  const path = source === "live" ? directory.path : snapshotDirectory(directory, source.snapshot);
  const sstables = await listSSTables(path, signal);
  if (sstables === undefined) return undefined;
  const complete: LocalTable["sstables"][number][] = [];
  for (const sstable of sstables) {
    if (source !== "live") await checkComponents(sstable, path);
    const digest = await digestOf(sstable, path, signal);
    if (digest !== undefined) complete.push({ ...sstable, digest });
  }
  if (source === "live") return { sstables: complete, schema: undefined, listed: undefined };
  return { sstables: complete, schema: await snapshotSchema(path), listed: await snapshotDataFiles(path) };
}

const vanishedHint =
  "check that --data-dir names all data directories of the node and that nothing clears its snapshots meanwhile, " +
  "then run the backup again";

function checkListed({ keyspace, table, sstables }: LocalTable, listed: readonly string[] | undefined): void {
  const where = `the snapshot of ${keyspace}.${table}`;
  if (listed === undefined) throw new AppError("not-found", `${where} has no manifest.json`, { hint: vanishedHint });
  const missing = new Map<string, number>();
  for (const name of listed) missing.set(name, (missing.get(name) ?? 0) + 1);
  for (const { index, baseName } of sstables) {
    const name = `${index === undefined ? "" : `${index}/`}${baseName}-Data.db`;
    const count = missing.get(name);
    if (count === undefined) {
      throw new AppError("corrupt", `${where} holds ${name}, which its manifest.json does not list`, {
        hint: "run the backup again; no other snapshot of the node may have a name that begins with esop-",
      });
    }
    if (count === 1) missing.delete(name);
    else missing.set(name, count - 1);
  }
  const [first] = missing.keys();
  if (first === undefined) return;
  const lost = listed.length - sstables.length;
  const message = `${where} lacks ${lost} of the ${listed.length} SSTables in its manifest.json, ${first} first`;
  throw new AppError("not-found", message, { hint: vanishedHint });
}

/** A manifest names tables without their IDs. */
function checkTableIds(tables: readonly LocalTable[]): void {
  const found = new Set<string>();
  for (const { keyspace, table } of tables) {
    const name = `${keyspace}.${table}`;
    if (found.has(name)) {
      throw new AppError("corrupt", `the snapshot holds two tables ${name} with different IDs`, {
        hint: "a table was dropped and created again meanwhile: run the backup again",
      });
    }
    found.add(name);
  }
}

async function checkComponents({ baseName, index, files }: LocalSSTable, directory: string): Promise<void> {
  const names = files.map(({ name }) => parseComponentName(name));
  const present = new Set(names.map((name) => name?.component ?? ""));
  const folder = index === undefined ? directory : join(directory, index);
  const tocPath = join(folder, `${baseName}-${tocComponent}`);
  const missing = await missingComponent(present, names[0]?.format ?? "", tocPath);
  if (missing === undefined) return;
  const message = `SSTable ${baseName} in ${folder} has no ${missing.replace(/\.db$/, "")} component`;
  throw new AppError("corrupt", message, {
    hint: `${vanishedHint}; if it stays so, run \`nodetool upgradesstables -a\` on the table`,
  });
}

/** Undefined for an SSTable without a Data component: one that Cassandra is just writing or deleting. */
async function digestOf(sstable: LocalSSTable, directory: string, signal: AbortSignal | undefined) {
  const component = (wanted: (name: string) => boolean) =>
    sstable.files.find((file) => wanted(parseComponentName(file.name)?.component ?? ""));
  const data = component((name) => name === "Data.db");
  if (data === undefined) return undefined;
  const digest = component((name) => name.startsWith("Digest."));
  const folder = sstable.index === undefined ? directory : join(directory, sstable.index);
  return sstableDigest(digest === undefined ? undefined : join(folder, digest.name), data, signal);
}
