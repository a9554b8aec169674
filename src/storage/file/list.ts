import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfAborted } from "../../errors.ts";
import type { ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import { isAbsence } from "./directories.ts";

/** Files asked for their size at a time; bounds memory and the load on the file system. */
const statBatch = 32;

/** Parameters of a walk; `hidden` names the entry of the bucket's directory that holds no objects. */
export interface Walk {
  readonly bucket: string;
  readonly hidden: string;
  readonly signal?: AbortSignal | undefined;
}

/** Every regular file whose key starts with the prefix; opens only directories that can hold one. */
export async function* listFiles(walk: Walk, prefix: string): AsyncGenerator<ObjectInfo, void> {
  const cut = prefix.lastIndexOf("/") + 1;
  const folder = prefix.slice(0, cut);
  // Nothing can have a key that starts so.
  if (folder !== "" && !isKey(folder.slice(0, -1))) return;
  yield* walkFolder(walk, folder, prefix.slice(cut));
}

/** Names of the directories right below the folder ("" or ending with "/") that hold an object at any depth. */
export async function listChildren(walk: Walk, folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(walk, folder)) {
    if (entry.isDirectory() && (await holdsFile(walk, `${folder}${entry.name}/`))) names.push(entry.name);
  }
  return names;
}

async function* walkFolder(walk: Walk, folder: string, namePrefix: string): AsyncGenerator<ObjectInfo, void> {
  const entries = (await entriesOf(walk, folder)).filter((entry) => entry.name.startsWith(namePrefix));
  const files = entries.filter((entry) => entry.isFile());
  for (let i = 0; i < files.length; i += statBatch) {
    throwIfAborted(walk.signal);
    const infos = files.slice(i, i + statBatch).map((file) => statFile(walk.bucket, `${folder}${file.name}`));
    for (const info of await Promise.all(infos)) {
      if (info !== undefined) yield info;
    }
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* walkFolder(walk, `${folder}${entry.name}/`, "");
  }
}

async function holdsFile(walk: Walk, folder: string): Promise<boolean> {
  const entries = await entriesOf(walk, folder);
  if (entries.some((entry) => entry.isFile())) return true;
  for (const entry of entries) {
    if (entry.isDirectory() && (await holdsFile(walk, `${folder}${entry.name}/`))) return true;
  }
  return false;
}

async function entriesOf(walk: Walk, folder: string): Promise<Dirent[]> {
  throwIfAborted(walk.signal);
  const directory = join(walk.bucket, folder);
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return folder === "" ? entries.filter((entry) => entry.name !== walk.hidden) : entries;
  } catch (error) {
    // A folder may vanish while we walk, or never have been; a missing bucket is the caller's to report.
    if (folder !== "" && isAbsence(error)) return [];
    throw error;
  }
}

/** The object of that key, or undefined where there is no regular file of that name. */
export async function statFile(bucket: string, key: string): Promise<ObjectInfo | undefined> {
  try {
    const stats = await lstat(join(bucket, key));
    if (!stats.isFile()) return undefined;
    return { key, sizeBytes: stats.size, modifiedMs: Math.floor(stats.mtimeMs) };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
