import type { Dirent } from "node:fs";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError, systemErrorCode, throwIfAborted } from "../errors.ts";
import { parseComponentName } from "./sstable/sstable.ts";

/**
 * What lies below a node's data directories:
 *
 *   <data dir>/<keyspace>/<table>-<id>/[.<index>/]<SSTable components>
 *   <data dir>/<keyspace>/<table>-<id>/snapshots/<snapshot>/[.<index>/]<SSTable components>, schema.cql, manifest.json
 *
 * A table has a directory of its id in each data directory; its SSTables are spread over them.
 */

export interface TableDirectory {
  readonly dataDirectory: string;
  readonly keyspace: string;
  readonly table: string;
  /** 32 hex digits. */
  readonly tableId: string;
  readonly path: string;
}

export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly inode: bigint;
  readonly device: bigint;
  readonly modifiedNs: bigint;
}

/** One SSTable on disk with all its components. */
export interface LocalSSTable {
  readonly baseName: string;
  readonly generation: string;
  /** ".city_idx" for an SSTable of a legacy secondary index. */
  readonly index: string | undefined;
  readonly files: readonly LocalFile[];
}

/** The entries of a directory; undefined if it is not there. */
async function entriesOf(path: string): Promise<Dirent[] | undefined> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return undefined;
    throw fileError(error, `read ${path}`);
  }
}

/**
 * Whether the entry is a directory, or a symbolic link to one: operators put keyspaces and tables on other disks so, and
 * Cassandra follows. A link that leads nowhere is no directory.
 */
async function isDirectory(entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const path = join(entry.parentPath, entry.name);
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return false;
    throw fileError(error, `read ${path}`);
  }
}

const tableDirectoryPattern = /^(\w+)-([0-9a-f]{32})$/;

/**
 * The table directories below the data directories, of the keyspaces and tables wanted. Sorted by keyspace, table, id
 * and then in the order of `dataDirectories`. Symbolic links to directories are followed. A data directory that cannot
 * be read is an error.
 */
export async function listTableDirectories(
  dataDirectories: readonly string[],
  wanted: (keyspace: string, table: string) => boolean,
  signal?: AbortSignal,
): Promise<TableDirectory[]> {
  const found: TableDirectory[] = [];
  for (const dataDirectory of dataDirectories) {
    const keyspaces = await entriesOf(dataDirectory);
    if (keyspaces === undefined) {
      throw new AppError("not-found", `data directory ${dataDirectory} does not exist`, { hint: "check --data-dir" });
    }
    for (const keyspace of keyspaces) {
      throwIfAborted(signal);
      if (!/^\w+$/.test(keyspace.name) || !(await isDirectory(keyspace))) continue;
      for (const entry of (await entriesOf(join(dataDirectory, keyspace.name))) ?? []) {
        const match = tableDirectoryPattern.exec(entry.name);
        const [, table = "", tableId = ""] = match ?? [];
        if (match === null || !wanted(keyspace.name, table) || !(await isDirectory(entry))) continue;
        const path = join(dataDirectory, keyspace.name, entry.name);
        found.push({ dataDirectory, keyspace: keyspace.name, table, tableId, path });
      }
    }
  }
  const order = (t: TableDirectory) => `${t.keyspace}/${t.table}-${t.tableId}`;
  return found.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
}

async function statFile(directory: string, name: string): Promise<LocalFile | undefined> {
  const path = join(directory, name);
  try {
    const { size, ino, dev, mtimeNs } = await lstat(path, { bigint: true });
    return { path, name, sizeBytes: Number(size), inode: ino, device: dev, modifiedNs: mtimeNs };
  } catch (error) {
    // Cassandra may delete an SSTable of a live directory while it is being read.
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw fileError(error, `read ${path}`);
  }
}

/**
 * The SSTables in a table's live directory or in one of its snapshots, those of its legacy indexes (`.name/`) included,
 * each with every component. Gives undefined if there is no such directory.
 */
export async function listSSTables(directory: string, signal?: AbortSignal): Promise<LocalSSTable[] | undefined> {
  const entries = await entriesOf(directory);
  if (entries === undefined) return undefined;
  const sstables = await groupSSTables(directory, entries, undefined);
  for (const entry of entries) {
    throwIfAborted(signal);
    if (!entry.name.startsWith(".") || !(await isDirectory(entry))) continue;
    const indexDirectory = join(directory, entry.name);
    sstables.push(...(await groupSSTables(indexDirectory, (await entriesOf(indexDirectory)) ?? [], entry.name)));
  }
  return sstables;
}

async function groupSSTables(directory: string, entries: readonly Dirent[], index: string | undefined) {
  const groups = new Map<string, { generation: string; names: string[] }>();
  for (const entry of entries) {
    const name = entry.isFile() ? parseComponentName(entry.name) : undefined;
    if (name === undefined) continue;
    const group = groups.get(name.baseName) ?? { generation: name.generation, names: [] };
    groups.set(name.baseName, group);
    group.names.push(entry.name);
  }
  const sstables: LocalSSTable[] = [];
  for (const [baseName, { generation, names }] of groups) {
    const files = await Promise.all(names.map((name) => statFile(directory, name)));
    const present = files.filter((file) => file !== undefined);
    if (present.length > 0) sstables.push({ baseName, generation, index, files: present });
  }
  return sstables;
}

export function snapshotDirectory(table: TableDirectory, snapshot: string): string {
  return join(table.path, "snapshots", snapshot);
}

/** The names of the snapshots a table directory holds. */
export async function listSnapshots(table: TableDirectory): Promise<string[]> {
  return ((await entriesOf(join(table.path, "snapshots"))) ?? []).filter((e) => e.isDirectory()).map((e) => e.name);
}

/** The CREATE statements that Cassandra put into a snapshot; undefined where it wrote none (system tables of 4.0). */
export async function snapshotSchema(directory: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, "schema.cql"), "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw fileError(error, `read ${join(directory, "schema.cql")}`);
  }
}
