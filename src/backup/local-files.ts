import { join } from "node:path";
import {
  type LocalSSTable,
  listSSTables,
  listTableDirectories,
  parseComponentName,
  snapshotDirectory,
  snapshotSchema,
  sstableDigest,
  type TableDirectory,
} from "../cassandra/cassandra.ts";
import { AppError, throwIfAborted } from "../errors.ts";

/** One table's part of a backup, as it lies on this node's disks. */
export interface LocalTable {
  readonly keyspace: string;
  readonly table: string;
  readonly tableId: string;
  /** The CREATE statements; undefined where Cassandra wrote none. */
  readonly schema: string | undefined;
  readonly sstables: readonly (LocalSSTable & { readonly digest: string })[];
}

/** Which directory of a table is read: a snapshot's, or (for a dry run) the live one. */
export type Source = { readonly snapshot: string } | "live";

export interface ReadTablesOptions {
  readonly dataDirectories: readonly string[];
  readonly wanted: (keyspace: string, table: string) => boolean;
  readonly source: Source;
  readonly signal?: AbortSignal;
}

/** Every wanted table with all its SSTables, the data directories taken together; sorted by keyspace and table. */
export async function readLocalTables(options: ReadTablesOptions): Promise<LocalTable[]> {
  const { dataDirectories, wanted, source, signal } = options;
  const tables = new Map<string, LocalTable & { sstables: LocalTable["sstables"][number][] }>();
  for (const directory of await listTableDirectories(dataDirectories, wanted, signal)) {
    throwIfAborted(signal);
    const found = await readTableDirectory(directory, source, signal);
    if (found === undefined) continue;
    const key = `${directory.keyspace}/${directory.table}-${directory.tableId}`;
    const { keyspace, table, tableId } = directory;
    const merged = tables.get(key) ?? { keyspace, table, tableId, schema: undefined, sstables: [] };
    merged.sstables.push(...found.sstables);
    tables.set(key, { ...merged, schema: merged.schema ?? found.schema });
  }
  return [...tables.values()];
}

async function readTableDirectory(directory: TableDirectory, source: Source, signal: AbortSignal | undefined) {
  const path = source === "live" ? directory.path : snapshotDirectory(directory, source.snapshot);
  const sstables = await listSSTables(path, signal);
  if (sstables === undefined) return undefined;
  const complete: LocalTable["sstables"][number][] = [];
  for (const sstable of sstables) {
    const digest = await digestOf(sstable, path, signal);
    if (digest !== undefined) complete.push({ ...sstable, digest });
    else if (source !== "live") throw incomplete(path, sstable);
  }
  return { sstables: complete, schema: source === "live" ? undefined : await snapshotSchema(path) };
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

function incomplete(directory: string, sstable: LocalSSTable): AppError {
  return new AppError("corrupt", `SSTable ${sstable.baseName} in ${directory} has no Data component`, {
    hint: "run `nodetool verify` on the table",
  });
}
