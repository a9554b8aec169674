/**
 * Whether files can be renamed between the directories of the selected tables and the places beside the data
 * directories. Found out before anything is touched: a rename that fails in the middle of a swap leaves no way forward.
 */
import { randomUUID } from "node:crypto";
import { lstat, readdir, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";
import { deviceOf, existingParent } from "../../files/files.ts";
import type { SelectedTable } from "../select-tables.ts";
import type { Place } from "./places.ts";

/**
 * Throws `node-state` where the directory of a keyspace, table or index is a link or on another file system. A link is
 * refused wherever it leads: the account of Cassandra can make one, and root would move what is behind it.
 */
export async function checkTargets(places: readonly Place[], selected: readonly SelectedTable[]): Promise<void> {
  for (const place of places) {
    const device = await deviceOf(place.root);
    for (const path of await tableDirectories(place.dataDirectory, selected)) {
      const found = await lstat(path);
      if (found.isSymbolicLink()) throw notSwappable(path, "is a link");
      if (!found.isDirectory()) throw notSwappable(path, "is no directory");
      if (found.dev !== device) throw notSwappable(path, `is on another file system than ${place.dataDirectory}`);
    }
  }
}

/** As {@link checkTargets}, by renaming a file: a bind mount looks like the file system that it shows a part of. */
export async function tryRenames(places: readonly Place[], selected: readonly SelectedTable[]): Promise<void> {
  await checkTargets(places, selected);
  for (const place of places) {
    const directories = await tableDirectories(place.dataDirectory, selected);
    for (const directory of [await existingParent(place.dataDirectory), ...directories]) {
      await tryRename(place.root, directory, place.dataDirectory);
    }
  }
}

async function tryRename(from: string, to: string, dataDirectory: string): Promise<void> {
  const name = `.esop-probe-${randomUUID()}`;
  const [source, target] = [join(from, name), join(to, name)];
  try {
    await writeFile(source, "", { flag: "wx", mode: 0o600 });
    await rename(source, target);
    await unlink(target);
  } catch (error) {
    await unlink(source).catch(() => undefined);
    if (systemErrorCode(error) === "EXDEV") throw notSwappable(to, `is another mount than ${dataDirectory}`);
    throw fileError(error, `move files from ${from} to ${to}`);
  }
}

function notSwappable(path: string, why: string): AppError {
  return new AppError("node-state", `${path} ${why}: its files cannot be replaced in one step`, {
    hint: "put a directory in its place, or start the node and restore with --restoration-strategy-type IMPORT",
  });
}

/** The directories, or what has their name, of the keyspaces, tables and legacy indexes. */
async function tableDirectories(dataDirectory: string, selected: readonly SelectedTable[]): Promise<readonly string[]> {
  const keyspaces = Map.groupBy(selected, ({ keyspace }) => keyspace);
  const found: string[] = [];
  for (const [keyspace, tables] of keyspaces) {
    const names = new Set(tables.map(({ table }) => table));
    const path = join(dataDirectory, keyspace);
    if ((await lstat(path).catch(() => undefined)) === undefined) continue;
    found.push(path);
    for (const entry of await namesIn(path)) {
      const table = /^(\w+)-[0-9a-f]{32}$/.exec(entry)?.[1];
      if (table === undefined || !names.has(table)) continue;
      const directory = join(path, entry);
      const indexes = (await namesIn(directory)).filter((name) => /^\.\w+$/.test(name));
      found.push(directory, ...indexes.map((name) => join(directory, name)));
    }
  }
  return found;
}

/** None where that is no directory. */
async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemErrorCode(error) ?? "")) return [];
    throw fileError(error, `read ${path}`);
  }
}
