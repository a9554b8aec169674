import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CassandraNode } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import type { FetchReport, RestoreRun } from "../context.ts";
import { removeRestoreDirectory } from "../directories.ts";
import { checkOwnDirectory } from "../own-directory.ts";
import { findJournal } from "./find-journal.ts";
import { rootsOf } from "./places.ts";
import { outsidePlaces } from "./swap.ts";

/** Deletes what a finished restore set aside, once the node is up with what took its place. */
export async function cleanUpInPlace(
  run: RestoreRun,
  node: CassandraNode | undefined,
  operationMode: string | undefined,
): Promise<FetchReport> {
  const { backup, dataDirectories, signal } = run;
  if (node === undefined || operationMode !== "NORMAL") {
    throw new AppError(
      "node-state",
      `the node is ${operationMode ?? "down"}; what was replaced is kept until it is NORMAL`,
      {
        hint: "start the node, look at its data, then clean up",
      },
    );
  }
  const { places, journal } = await findJournal(dataDirectories, backup.text);
  if (journal === undefined || !journal.done) {
    throw new AppError("node-state", `there is no finished IN_PLACE restore of ${backup.text} to clean up`, {
      hint:
        journal === undefined ? "check --snapshot-tag" : "stop the node and run the restore again: it was interrupted",
    });
  }
  for (const name of journal.tables) await checkPresent(name, node, signal);
  const roots = rootsOf(places);
  const former = (await Promise.all(roots.map(formerRestores))).flat();
  const all = [...former, ...roots, ...(await outsidePlaces(places, journal))];
  for (const directory of all) await checkOwnDirectory(directory, dataDirectories[0] ?? "");
  if (!run.request.dryRun) for (const directory of all) await removeRestoreDirectory(directory);
  return { fetched: nothing, reused: nothing };
}

const nothing = { files: 0, bytes: 0 } as const;

/** What keepFormerRestore has renamed. */
async function formerRestores(root: string): Promise<readonly string[]> {
  const names = await readdir(dirname(root)).catch(() => []);
  const prefix = `${basename(root)}.`;
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => join(dirname(root), name));
}

/** Files that were put into the directory of a dropped table are read by nobody: that is no restore to be cleaned up. */
async function checkPresent(name: string, node: CassandraNode, signal: AbortSignal): Promise<void> {
  const [keyspace = "", table = ""] = name.split(".");
  if ((await node.tables(keyspace, { signal })).includes(table)) return;
  throw new AppError("node-state", `table ${name} was restored, but the node does not have it`, {
    hint: "create it and restore it with IMPORT",
  });
}
