/**
 * Keeps Cassandra from starting while its files are being replaced, and after a crash in the middle of it until the
 * restore is finished. A service manager may start the node at any moment, and half of a swap is a node with half of
 * its data.
 *
 * At every start Cassandra looks at all files in its data directories, apart from snapshots and backups, and refuses to
 * start where one ends in `.db` and is no SSTable it can read (StartupChecks.checkSSTablesFormat: "Detected unreadable
 * sstables", in 4.0, 4.1 and 5.0; it cannot be switched off). So a file of such a name in each data directory is the
 * guard, and the message of the failed start names it. Other ways do not hold: a data directory that was renamed is
 * made anew and started as an empty node, cassandra.yaml may be written back by a configuration manager or not be ours
 * to rename, and modes do not bind root.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../../errors.ts";
import { replaceFile, syncDirectory } from "../../files/files.ts";
import { existingDirectories, makeDirectory, type Owner } from "../directories.ts";

/** Cassandra prints the name: it has to say what to do. */
export const guardFile = "esop-restore-is-unfinished-run-it-again.db";

function guardText(backup: string): string {
  return (
    `A restore of ${backup} is replacing the files of this node. While this file is here, Cassandra does not start.\n` +
    "If the restore was interrupted, run the same command again: it finishes the restore and deletes this file.\n"
  );
}

/** When this returns, Cassandra cannot be started, whatever happens to this machine or process. */
export async function forbidStart(
  dataDirectories: readonly string[],
  backup: string,
  owner: Owner | undefined,
): Promise<void> {
  for (const directory of dataDirectories) {
    await makeDirectory(directory, owner);
    await replaceFile(join(directory, guardFile), guardText(backup));
  }
}

/** Lets Cassandra start again. */
export async function allowStart(dataDirectories: readonly string[]): Promise<void> {
  for (const directory of await existingDirectories(dataDirectories)) {
    const path = join(directory, guardFile);
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw fileError(error, `delete ${path}`);
    }
    await syncDirectory(directory);
  }
}

/** Whether the restore of this backup keeps Cassandra from starting. */
export async function isStartForbidden(dataDirectories: readonly string[], backup: string): Promise<boolean> {
  for (const directory of dataDirectories) {
    const text = await readFile(join(directory, guardFile), "utf8").catch(() => "");
    if (text === guardText(backup)) return true;
  }
  return false;
}
