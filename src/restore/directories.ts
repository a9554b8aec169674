import { lchown, lstat, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";
import { existingParent, freeBytes } from "../files/files.ts";
import { formatBytes } from "../units.ts";

export { deviceOf, existingParent, freeBytes } from "../files/files.ts";

/** Whose files Cassandra's are; what a restore writes must be theirs too, or the node cannot read it. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The owner of a directory, where files made by this process would not be theirs and it may give them away. */
export async function ownerToPreserve(directory: string): Promise<Owner | undefined> {
  const { uid, gid } = await stat(directory);
  const mayChange = process.geteuid?.() === 0;
  return mayChange && (uid !== 0 || gid !== 0) ? { uid, gid } : undefined;
}

/**
 * Makes a directory and the parents it lacks, each given to the owner and with the permissions of the directory it is
 * in. A restore's own directory is for its owner alone: data below it must not be readable to more than where it lay.
 */
export async function makeDirectory(path: string, owner: Owner | undefined): Promise<void> {
  try {
    const parent = await existingParent(path);
    const missing = relative(parent, path).split(sep);
    // Fails where a file has the name.
    if (parent === path) await mkdir(path, { recursive: true });
    else await makeBelow(parent, missing, owner);
  } catch (error) {
    throw fileError(error, `make directory ${path}`);
  }
}

async function makeBelow(parent: string, missing: readonly string[], owner: Owner | undefined): Promise<void> {
  const { mode, uid } = await stat(parent);
  const isOwners = owner !== undefined || uid === process.geteuid?.();
  let permissions = (mode & 0o777) | 0o700;
  let path = parent;
  for (const name of missing) {
    path = join(path, name);
    if (name === restoreDirectory && isOwners) permissions = 0o700;
    try {
      await mkdir(path, permissions);
    } catch (error) {
      // Another transfer has made it meanwhile.
      if (systemErrorCode(error) === "EEXIST") continue;
      throw error;
    }
    if (owner !== undefined) await lchown(path, owner.uid, owner.gid);
  }
}

/** Throws `no-space` unless the file system of `path` has room for `bytes`. */
export async function checkSpace(path: string, bytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (bytes <= free) return;
  throw new AppError(
    "no-space",
    `the restore needs ${formatBytes(bytes)} below ${path}, only ${formatBytes(free)} are free`,
    {
      hint: "free some space there, or restore fewer tables at a time with --entities",
    },
  );
}

/**
 * Renames a file into a directory that exists; a file that is no longer there was moved by an earlier run. Replaces
 * nothing: throws `already-exists`.
 */
export async function moveFile(from: string, to: string): Promise<void> {
  const [source, target] = [await lstat(from).catch(() => undefined), await lstat(to).catch(() => undefined)];
  if (source === undefined && target !== undefined) return;
  if (target !== undefined) {
    throw new AppError("already-exists", `cannot move ${from} to ${to}: there is a file of that name`, {
      hint: "something wrote to these directories meanwhile; move that file away and run the same command again",
    });
  }
  try {
    await rename(from, to);
  } catch (error) {
    throw fileError(error, `move ${from} to ${to}`);
  }
}

/** The paths of all files below a directory; none if it is not there. */
export async function filesBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true, recursive: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileError(error, `read ${directory}`);
  }
}

/** Those of the directories that are there; an empty node has not made its own yet. */
export async function existingDirectories(directories: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const directory of directories) {
    if ((await stat(directory).catch(() => undefined)) !== undefined) found.push(directory);
  }
  return found;
}

/** The directory in which restores keep what they stage and what they set aside, one directory for each backup. */
export const restoreDirectory = "esop-restore";

/** Deletes a directory of one restore, and the directory it is in once nothing is left there. */
export async function removeRestoreDirectory(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
    if (basename(dirname(path)) === restoreDirectory) await rmdir(dirname(path));
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemErrorCode(error) ?? ""))
      throw fileError(error, `delete ${path}`);
  }
}
