/**
 * Restoring a stopped node by putting the backup's SSTables in the place of its own. The recipe:
 *
 *   find out where everything is and that the node is stopped -> targets, commit log, room, all before anything is touched
 *   -> every file lies verified in a staging directory on the file system it will live on
 *   -> Cassandra is kept from starting (start-guard.ts), and looked for once more -> what is to be replaced is listed
 *   -> swap, the point of no return: what is replaced is moved aside, what is staged takes its place -> cassandra.yaml
 *   -> Cassandra may start again: the only step after which it does
 *
 * Nothing is deleted: replaced SSTables, commit log segments, hints and caches stay aside until the cleanup phase, which
 * asks for a node that is up again. A journal makes the swap resumable; tables that are not restored are not touched,
 * and neither are their unflushed writes.
 */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { editConfig, findInCommitLog, listTableDirectories, readConfigFile } from "../../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";
import { existingParent } from "../../files/files.ts";
import { formatCount } from "../../units.ts";
import type { FetchReport, RestoreRun } from "../context.ts";
import { existingDirectories, filesBelow, type Owner, ownerToPreserve } from "../directories.ts";
import { bytesOf, fetchFiles, fetchOptions, missingFiles, type WantedFile } from "../fetch.ts";
import { readJournal, writeJournal } from "../journal.ts";
import { checkOwnDirectory, openOwnDirectory } from "../own-directory.ts";
import type { SelectedTable } from "../select-tables.ts";
import { findJournal, journalFile } from "./find-journal.ts";
import { rebuildCommands } from "./indexes.ts";
import { assignPlaces, checkPlaces, checkRoom, openPlaces, type Place, rootsOf } from "./places.ts";
import { allowStart, forbidStart, isStartForbidden } from "./start-guard.ts";
import { allDirectories, refuseRunning, type StoppedNode } from "./stopped-node.ts";
import { type CommitLogTreatment, outsidePlaces, planSwap, runSwap, swapDirectories } from "./swap.ts";
import { parseSwapJournal, type SwapJournal, sameDirectories } from "./swap-journal.ts";
import { checkTargets, tryRenames } from "./target-checks.ts";
import { findTargets, type StoppedTable } from "./target-directories.ts";

export interface InPlaceReport extends FetchReport {
  readonly next: readonly string[];
}

/** A restore of a stopped node under way. */
interface InPlaceRestore extends RestoreRun {
  readonly stopped: StoppedNode;
  readonly places: readonly Place[];
  readonly journalPath: string;
  readonly owner: Owner | undefined;
}

export async function restoreInPlace(run: RestoreRun, stopped: StoppedNode): Promise<InPlaceReport> {
  const { request, backup, selected, signal } = run;
  const found = await findJournal(allDirectories(stopped), backup.text);
  const { places, path: journalPath, journal } = found;
  for (const directory of await outsidePlaces(places, { directories: swapDirectories(places, stopped) })) {
    await checkOwnDirectory(directory, stopped.dataDirectories[0] ?? "");
  }
  await refuseUnfinished(places, backup.text);
  const restore = { ...run, stopped, places, journalPath, owner: await ownerOf(stopped) };
  const touchNothing = request.dryRun || request.phase === "init";
  if (journal !== undefined && (!journal.done || (await isStartForbidden(allDirectories(stopped), backup.text)))) {
    // A view of the backup that the node no longer has is not in the journal.
    const isExpected = ({ withBase }: SelectedTable, name: string) =>
      withBase !== true || journal.tables.includes(name);
    const tables = selected.filter((table) => isExpected(table, tableName(table))).map(tableName);
    if (touchNothing || tables.join() !== journal.tables.join()) throw unfinished(backup.text, journal.tables);
    return resume(restore, journal);
  }

  const targets = await findAndCheckTargets(restore);
  for (const table of targets.filter(({ certain }) => !certain)) {
    run.log.warn(
      `the node may not have table ${tableName(table)}: its directory is empty; look for it after the start`,
    );
  }
  await treatCommitLog(restore, targets);
  if (journal !== undefined && !touchNothing) await keepFormerRestore(places);
  if (!touchNothing) {
    await openPlaces(places, restore.owner);
    await tryRenames(places, selected);
  }
  const wanted = await assignPlaces(run, stopped, places, targets);
  const files = [...wanted.values()].flat();
  const options = fetchOptions(run, restore.owner);
  const missing = await missingFiles(files, { ...options, touchNothing });
  await checkRoom(places, missing);
  if (touchNothing) return { fetched: count(missing), reused: count(files, missing), next: [] };
  if (request.noDownloadData && missing.length > 0) {
    throw new AppError("not-found", `${formatCount(missing.length, "file")} not downloaded yet`, {
      hint: "leave out --restoration-no-download-data",
    });
  }
  const report = await fetchFiles(files, missing, options);
  signal.throwIfAborted();
  const swap = await planUnderGuard(restore, targets, files);
  return finish(restore, swap, report);
}

/** Throws where the directories of the selected tables cannot be told or cannot be swapped. */
async function findAndCheckTargets({ places, selected, request, stopped, signal }: InPlaceRestore) {
  await checkTargets(places, selected);
  return findTargets(selected, allDirectories(stopped), restoresSchema(request), signal);
}

function restoresSchema({ restoreSystemKeyspace, restoreIntoNewCluster }: RestoreRun["request"]): boolean {
  return restoreSystemKeyspace || restoreIntoNewCluster;
}

/**
 * Keeps Cassandra from starting and plans the swap. The node was looked at hours ago: whether it is stopped, its tables
 * and its commit log are looked at once more, now that nothing can change them. Where that fails, nothing has changed.
 */
async function planUnderGuard(
  restore: InPlaceRestore,
  targets: readonly StoppedTable[],
  files: readonly WantedFile[],
): Promise<SwapJournal> {
  const { stopped, places, backup, owner, request, journalPath } = restore;
  await forbidStart(allDirectories(stopped), backup.text, owner);
  try {
    await refuseRunning(stopped);
    await checkPlaces(places);
    const again = await findAndCheckTargets(restore);
    const changed = again.find(({ tableId }, index) => tableId !== targets[index]?.tableId);
    if (changed !== undefined) {
      throw new AppError("node-state", `table ${tableName(changed)} was dropped and created again meanwhile`, {
        hint: "keep the node stopped and run the same command again",
      });
    }
    await tryRenames(places, restore.selected);
    const commitLog = await treatCommitLog(restore, targets);
    await refuseChanged(restore, files);
    await unstageOthers(places, files);
    const everything = request.entities.kind === "all";
    const swap = await planSwap(places, targets, { stopped, commitLog, everything });
    await openKeptDirectories(restore, swap);
    await writeJournal(journalPath, swap);
    return swap;
  } catch (error) {
    await rm(journalPath, { force: true }).catch(() => undefined);
    await allowStart(allDirectories(stopped));
    throw error;
  }
}

/**
 * Staged files may be links to those of the node, and a node that ran during the download may have overwritten a bloom
 * filter or a table of contents in the file itself.
 */
async function refuseChanged(restore: InPlaceRestore, files: readonly WantedFile[]): Promise<void> {
  const rewritable = files.filter(({ path }) => /-(?:Filter\.db|TOC\.txt)$/.test(path));
  const staged = rewritable.map(({ entry, path }) => ({ entry, path }));
  const [changed] = await missingFiles(staged, { ...fetchOptions(restore, restore.owner), touchNothing: true });
  if (changed === undefined) return;
  throw new AppError("node-state", `${changed.path} was changed after it was verified: the node ran meanwhile`, {
    hint: "keep the node stopped and run the same command again",
  });
}

/** Finishes what an interrupted run began. */
async function resume(restore: InPlaceRestore, journal: SwapJournal): Promise<InPlaceReport> {
  const { places, stopped, backup, owner, log } = restore;
  if (!sameDirectories(journal.directories, swapDirectories(places, stopped))) {
    throw new AppError("usage", "the interrupted run of this restore was given other directories of the node", {
      hint: "give the same --data-dir, --cassandra-dir and --config-directory as then",
    });
  }
  log.warn("an earlier run of this restore was interrupted while it replaced files; finishing it");
  await forbidStart(allDirectories(stopped), backup.text, owner);
  await refuseRunning(stopped);
  await checkTargets(places, restore.selected);
  await openPlaces(places, owner);
  await openKeptDirectories(restore, journal);
  return finish(restore, journal, { fetched: nothing, reused: nothing });
}

/** What is moved out of folders on other file systems is kept beside them. */
async function openKeptDirectories({ places, stopped, owner }: InPlaceRestore, journal: SwapJournal): Promise<void> {
  for (const directory of await outsidePlaces(places, journal)) {
    await openOwnDirectory(directory, stopped.dataDirectories[0] ?? "", owner);
  }
}

const nothing = { files: 0, bytes: 0 } as const;

function count(files: readonly WantedFile[], without: readonly WantedFile[] = []) {
  return { files: files.length - without.length, bytes: bytesOf(files) - bytesOf(without) };
}

function tableName({ keyspace, table }: { readonly keyspace: string; readonly table: string }): string {
  return `${keyspace}.${table}`;
}

function unfinished(backup: string, tables: readonly string[]): AppError {
  const shown = tables.length > 5 ? `${tables.length} tables` : tables.join(", ");
  return new AppError("node-state", `a restore of ${shown} from ${backup} was interrupted while it replaced files`, {
    hint: "run that restore again first, with the same --snapshot-tag and --entities: it finishes what it began",
  });
}

/** Another backup's restore that stopped half way has left files in its journal's care; it must be finished first. */
async function refuseUnfinished(places: readonly Place[], backup: string): Promise<void> {
  for (const parent of new Set(rootsOf(places).map((root) => dirname(root)))) {
    for (const other of await readdir(parent).catch(() => [])) {
      if (other === backup) continue;
      const journal = await readJournal(join(parent, other, journalFile), parseSwapJournal);
      if (journal !== undefined && !journal.done) throw unfinished(other, journal.tables);
    }
  }
}

/** What an earlier run staged for other tables, or did not finish to download, must not go into the node. */
async function unstageOthers(places: readonly Place[], files: readonly WantedFile[]): Promise<void> {
  const wanted = new Set(files.map(({ path }) => path));
  for (const { staged } of places) {
    for (const path of await filesBelow(staged)) if (!wanted.has(path)) await rm(path);
  }
}

/** The owner of Cassandra's files: that of the first data directory, or of the parent it will be made in. */
async function ownerOf({ dataDirectories: [first = ""] }: StoppedNode): Promise<Owner | undefined> {
  return ownerToPreserve(await existingParent(first));
}

/**
 * What must happen to the commit log, so that neither the restored tables get writes newer than the backup, nor other
 * tables lose theirs. Only a restore of every table of the node sets all of it aside. Throws `node-state` where that
 * cannot be had.
 */
async function treatCommitLog(
  { selected, stopped, request, signal }: InPlaceRestore,
  targets: readonly StoppedTable[],
): Promise<CommitLogTreatment> {
  if (request.restoreSystemKeyspace && request.entities.kind === "all") return { kind: "set-aside" };
  const ids = new Set([...targets.map(({ tableId }) => tableId), ...selected.map(({ content }) => content.id)]);
  const keyspaces = new Set(targets.map(({ keyspace }) => keyspace));
  const foreign = await listTableDirectories(
    await existingDirectories(allDirectories(stopped)),
    (keyspace) => !keyspaces.has(keyspace),
    signal,
  );
  const tables = { wanted: ids, foreign: new Set(foreign.map(({ tableId }) => tableId)) };
  const { segments, entangled } = await findInCommitLog(stopped.commitLogDirectory, tables, signal);
  if (entangled) {
    throw new AppError(
      "node-state",
      "the commit log holds writes of the restored tables that cannot be told from others'",
      {
        hint: "start the node, run `nodetool drain`, stop it, and run the same command again",
      },
    );
  }
  return { kind: "mask", segments, wanted: [...ids], foreign: [...tables.foreign] };
}

/** A former restore of the same backup has not been cleaned up: what it replaced is kept under another name. */
async function keepFormerRestore(places: readonly Place[]): Promise<void> {
  for (const root of new Set(places.map((place) => place.root))) {
    for (let number = 1; ; number += 1) {
      const kept = `${root}.${number}`;
      if ((await stat(kept).catch(() => undefined)) !== undefined) continue;
      await rename(root, kept).catch((error: unknown) => {
        if (systemErrorCode(error) !== "ENOENT") throw fileError(error, `move ${root} to ${kept}`);
      });
      break;
    }
  }
}

/** Swaps, from wherever an earlier run left off, and lets Cassandra start again. */
async function finish(restore: InPlaceRestore, journal: SwapJournal, report: FetchReport): Promise<InPlaceReport> {
  const { stopped, places, journalPath, owner, log } = restore;
  if (!journal.done) {
    try {
      const done = await runSwap(places, journal, {
        owner,
        configFile: await editedConfig(restore),
        saveProgress: (state) => writeJournal(journalPath, state),
      });
      await writeJournal(journalPath, done);
    } catch (error) {
      log.warn("the restore is unfinished, and Cassandra does not start until the same command has finished it");
      throw error;
    }
  }
  await allowStart(allDirectories(stopped));
  log.info(`what was replaced is in ${rootsOf(places).join(", ")}`);
  return {
    ...report,
    next: [
      "start the node",
      ...(await rebuildCommands(restore, stopped.dataDirectories)),
      "when it has proved itself, run the same command with --restoration-phase-type cleanup",
    ],
  };
}

/** The configuration as it is now, with the settings of the backup. */
async function editedConfig({ request, stopped: { configFile }, manifest: { tokens } }: InPlaceRestore) {
  if (!request.updateCassandraYaml || configFile === undefined) return undefined;
  const { path } = configFile;
  const settings = { auto_bootstrap: false, num_tokens: tokens.length, initial_token: tokens.join(",") };
  return { path, text: editConfig(await readConfigFile(path), path, settings) };
}
