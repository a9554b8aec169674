/**
 * The directories that restores keep beside a data directory. The account of Cassandra may own the directory that they
 * are in, and root may be the one who restores: nothing there is believed that is not plainly a restore's own.
 */
import { chmod, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";
import { existingParent } from "../files/files.ts";
import { makeDirectory, type Owner } from "./directories.ts";

/**
 * Checks `esop-restore/NAME` where it is there, and everything below it: there are only directories and files, no links,
 * and the directories and the restore's own files belong to the owner of the data directory, to this user or to root.
 * (Files of the node that were moved there have whatever owner they had; staged ones are hashed before they are used.)
 * Throws `already-exists`.
 */
export async function checkOwnDirectory(path: string, dataDirectory: string): Promise<void> {
  const { uid } = await stat(await existingParent(dataDirectory));
  const owners = new Set([uid, process.geteuid?.() ?? uid, 0]);
  try {
    for (const directory of [dirname(path), path]) {
      if (!(await checkEntry(directory, owners, "directory"))) return;
    }
    await checkBelow(path, owners, owners);
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
}

/** As {@link checkOwnDirectory}; makes the directory where it is missing, and takes the permissions of others away. */
export async function openOwnDirectory(path: string, dataDirectory: string, owner: Owner | undefined): Promise<void> {
  await checkOwnDirectory(path, dataDirectory);
  try {
    await makeDirectory(path, owner);
    await checkOwnDirectory(path, dataDirectory);
    for (const directory of [dirname(path), path]) await closeToOthers(directory);
  } catch (error) {
    throw fileError(error, `make directory ${path}`);
  }
}

type Owners = ReadonlySet<number> | undefined;

async function checkBelow(directory: string, owners: Owners, fileOwners: Owners): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      await checkEntry(path, owners, "directory");
      await checkBelow(path, owners, undefined);
    } else await checkEntry(path, fileOwners, "file");
  }
}

/** Whether it is there. */
async function checkEntry(path: string, owners: Owners, kind: "directory" | "file"): Promise<boolean> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  });
  if (found === undefined) return false;
  const right = kind === "directory" ? found.isDirectory() : found.isFile();
  if (!right) throw notOurs(path, found.isSymbolicLink() ? "is a link" : `is no ${kind}`);
  if (owners?.has(found.uid) === false) throw notOurs(path, `belongs to user ${found.uid}`);
  return true;
}

function notOurs(path: string, why: string): AppError {
  return new AppError("already-exists", `${path} ${why}: no restore has made it`, {
    hint: "find out who made it, move the esop-restore directory that it is in aside, and run the same command again",
  });
}

async function closeToOthers(directory: string): Promise<void> {
  const { mode, uid } = await lstat(directory);
  const me = process.geteuid?.();
  if ((mode & 0o077) !== 0 && (me === 0 || me === uid)) await chmod(directory, 0o700);
}
