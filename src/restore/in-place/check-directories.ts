/** Whether the directories that options and cassandra.yaml name can be those of one node; see stopped-node.ts. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { listTableDirectories } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { existingParent } from "../../files/files.ts";
import { existingDirectories } from "../directories.ts";

interface OtherDirectories {
  readonly commitLogDirectory: string;
  readonly hintsDirectory: string;
  readonly savedCachesDirectory: string;
}

/** Throws `usage`, `not-found`. */
export async function checkDirectories(
  tableDirectories: readonly string[],
  { commitLogDirectory, hintsDirectory, savedCachesDirectory }: OtherDirectories,
): Promise<void> {
  const others = [
    ["commit log", commitLogDirectory],
    ["hints", hintsDirectory],
    ["saved caches", savedCachesDirectory],
  ] as const;
  await checkDistinct([...tableDirectories, ...others.map(([, directory]) => directory)]);
  const [data = ""] = tableDirectories;
  for (const [name, directory] of others) await checkWritable(`${name} directory ${directory}`, directory, data);
  const present = await existingDirectories(tableDirectories);
  const tables = await listTableDirectories(present, () => true);
  if (tables.length === 0) await refuseParent(present);
  for (const [name, directory] of others)
    await checkPresent(`${name} directory ${directory}`, directory, tables.length);
  for (const directory of tableDirectories) {
    await checkPresent(`data directory ${directory}`, directory, tables.length);
  }
}

/** Every start of Cassandra makes all of its directories: a node that holds tables has them. */
async function checkPresent(description: string, directory: string, tables: number): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() === true || (found === undefined && tables === 0)) return;
  const how = found === undefined ? "does not exist, though the node holds tables" : "is no directory";
  throw new AppError("not-found", `${description} ${how}`, {
    hint: "check --cassandra-dir, --config-directory and the mounts; if the node really has none, make it, empty",
  });
}

/**
 * Root moves whatever files are in these directories, and may come to them by a link that the account of Cassandra made:
 * where that account may not write, there is none of its directories.
 */
async function checkWritable(description: string, directory: string, dataDirectory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  const { uid, gid } = await stat(await existingParent(dataDirectory));
  if (process.geteuid?.() !== 0 || uid === 0 || found === undefined || found.uid === uid) return;
  const { mode } = found;
  if ((found.gid === gid && (mode & 0o020) !== 0) || (mode & 0o1002) === 0o002) return;
  throw new AppError("usage", `${description} is not writable for user ${uid}, who owns ${dataDirectory}`, {
    hint: "check --cassandra-dir and cassandra.yaml, and whether a link leads there; if it is right, chown it to that user",
  });
}

/** One directory for two purposes, by whatever paths, would be emptied for one and filled for the other. */
async function checkDistinct(directories: readonly string[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const directory of directories) {
    const real = await realpath(directory).catch(() => directory);
    const other = seen.get(real);
    if (other !== undefined) {
      throw new AppError("usage", `${other} and ${directory} are one directory, but have two purposes`, {
        hint: "check --data-dir, --cassandra-dir and cassandra.yaml",
      });
    }
    seen.set(real, directory);
  }
}

/** A directory that holds data directories in place of keyspaces: the restore would take the node for an empty one. */
async function refuseParent(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
    const [found] = await listTableDirectories(below, () => true);
    if (found === undefined) continue;
    throw new AppError("usage", `${directory} holds no tables, but ${found.dataDirectory} does`, {
      hint: "check --data-dir: it is the directory that holds a directory for each keyspace",
    });
  }
}
