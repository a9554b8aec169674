/**
 * Restoring a stopped node by putting the backup's SSTables in the place of its own. The recipe:
 *
 *   find out where everything is and that the node is stopped -> targets, commit log, room, all before anything is touched
 *   -> every file lies verified in a staging directory on the file system it will live on
 *   -> swap, the point of no return: what is replaced is moved aside, what is staged takes its place -> cassandra.yaml
 *
 * Nothing is deleted: replaced SSTables, commit log segments, hints and caches stay aside until the cleanup phase, which
 * asks for a node that is up again. A journal makes the swap resumable; tables that are not restored are not touched,
 * and neither are their unflushed writes.
 */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type CassandraNode,
  editConfig,
  findInCommitLog,
  listSSTables,
  listTableDirectories,
} from "../../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";
import { deviceOf, existingParent, freeBytes, stagingRoot } from "../../files/files.ts";
import { formatCount } from "../../units.ts";
import type { FetchReport, RestoreRun } from "../context.ts";
import {
  checkSpace,
  existingDirectories,
  filesBelow,
  type Owner,
  ownerToPreserve,
  removeRestoreDirectory,
  restoreDirectory,
} from "../directories.ts";
import { bytesOf, fetchFiles, fetchOptions, missingFiles, type WantedFile } from "../fetch.ts";
import { readJournal, writeJournal } from "../journal.ts";
import type { SelectedTable } from "../select-tables.ts";
import { rebuildCommands } from "./indexes.ts";
import type { StoppedNode } from "./stopped-node.ts";
import {
  type CommitLogTreatment,
  outsidePlaces,
  type Place,
  parseSwapJournal,
  planSwap,
  runSwap,
  type SwapJournal,
} from "./swap.ts";
import { findTargets, type StoppedTable } from "./target-directories.ts";

export interface InPlaceReport extends FetchReport {
  readonly next: readonly string[];
}

export async function restoreInPlace(run: RestoreRun, stopped: StoppedNode): Promise<InPlaceReport> {
  const { request, signal } = run;
  const places = await findPlaces(run, stopped.dataDirectories);
  const [first] = places;
  if (first === undefined) throw new AppError("internal", "no data directory to restore into");
  const journalPath = join(first.root, journalFile);
  const journal = await readJournal(journalPath, parseSwapJournal);
  await refuseUnfinished(places, run.backup.text);
  const touchNothing = request.dryRun || request.phase === "init";
  if (journal !== undefined && !journal.done) {
    // A view of the backup that the node no longer has is not in the journal.
    const isExpected = ({ withBase }: SelectedTable, name: string) =>
      withBase !== true || journal.tables.includes(name);
    const tables = run.selected.filter((table) => isExpected(table, tableName(table))).map(tableName);
    if (touchNothing || tables.join() !== journal.tables.join()) throw unfinished(run.backup.text, journal.tables);
    run.log.warn("an earlier run of this restore was interrupted while it replaced files; finishing it");
    return finish(run, stopped, places, journalPath, journal, { fetched: nothing, reused: nothing });
  }

  const wholeSchema = request.restoreSystemKeyspace || request.restoreIntoNewCluster;
  const targets = await findTargets(run.selected, stopped.dataDirectories, wholeSchema, signal);
  for (const table of targets.filter(({ certain }) => !certain)) {
    run.log.warn(
      `the node may not have table ${tableName(table)}: its directory is empty; look for it after the start`,
    );
  }
  const commitLog = await treatCommitLog(run, stopped, targets, wholeSchema);
  if (journal !== undefined && !touchNothing) await keepFormerRestore(places);
  const wanted = await assignPlaces(run, stopped, places, targets);
  const files = [...wanted.values()].flat();
  const options = fetchOptions(run, await ownerOf(stopped));
  const missing = await missingFiles(files, { ...options, touchNothing });
  await checkRoom(places, missing);
  if (touchNothing) return { fetched: count(missing), reused: count(files, missing), next: [] };
  if (request.noDownloadData && missing.length > 0) {
    throw new AppError("not-found", `${formatCount(missing.length, "file")} not downloaded yet`, {
      hint: "leave out --restoration-no-download-data",
    });
  }
  const report = await fetchFiles(files, missing, options);
  await unstageOthers(places, files);
  const swap = await planSwap(places, targets, {
    stopped,
    commitLog,
    everything: request.entities.kind === "all" || wholeSchema,
  });
  await writeJournal(journalPath, swap);
  return finish(run, stopped, places, journalPath, swap, report);
}

/** Room on each file system for what will be downloaded to it, however many of the places are on it. */
async function checkRoom(places: readonly Place[], missing: readonly WantedFile[]): Promise<void> {
  const roots = new Map<number, string>();
  const bytes = new Map<number, number>();
  for (const { root, staged } of places) {
    const device = await deviceOf(root);
    const below = missing.filter(({ path }) => path.startsWith(`${staged}/`));
    roots.set(device, roots.get(device) ?? root);
    bytes.set(device, (bytes.get(device) ?? 0) + bytesOf(below));
  }
  for (const [device, root] of roots) await checkSpace(root, bytes.get(device) ?? 0);
}

const journalFile = "journal.json";

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
  const parent = dirname(places[0]?.root ?? "");
  for (const other of await readdir(parent).catch(() => [])) {
    if (other === backup) continue;
    const journal = await readJournal(join(parent, other, journalFile), parseSwapJournal);
    if (journal !== undefined && !journal.done) throw unfinished(other, journal.tables);
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

/** A staging and a set-aside place for each data directory, on its file system, outside it where that is possible. */
async function findPlaces({ backup }: RestoreRun, dataDirectories: readonly string[]): Promise<Place[]> {
  const places: Place[] = [];
  for (const [index, dataDirectory] of dataDirectories.entries()) {
    const root = join(await stagingRoot(dataDirectory), restoreDirectory, backup.text);
    places.push({
      dataDirectory,
      root,
      staged: join(root, `staged-${index}`),
      replaced: join(root, `replaced-${index}`),
    });
  }
  return places;
}

/**
 * What must happen to the commit log, so that neither the restored tables get writes newer than the backup, nor other
 * tables lose theirs. Throws `node-state` where that cannot be had.
 */
async function treatCommitLog(
  { selected, signal }: RestoreRun,
  { commitLogDirectory, dataDirectories }: StoppedNode,
  targets: readonly StoppedTable[],
  wholeSchema: boolean,
): Promise<CommitLogTreatment> {
  if (wholeSchema) return { kind: "set-aside" };
  const ids = new Set([...targets.map(({ tableId }) => tableId), ...selected.map(({ content }) => content.id)]);
  const keyspaces = new Set(targets.map(({ keyspace }) => keyspace));
  const foreign = await listTableDirectories(
    await existingDirectories(dataDirectories),
    (keyspace) => !keyspaces.has(keyspace),
    signal,
  );
  const tables = { wanted: ids, foreign: new Set(foreign.map(({ tableId }) => tableId)) };
  const { segments, entangled } = await findInCommitLog(commitLogDirectory, tables, signal);
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

/**
 * Where each file will be staged. All components of one SSTable go to one data directory: where the node has that
 * SSTable already (its files are linked if they are right), else where most room is left. Local system tables go where
 * Cassandra looks for them.
 */
async function assignPlaces(
  run: RestoreRun,
  stopped: StoppedNode,
  places: readonly Place[],
  targets: readonly StoppedTable[],
): Promise<ReadonlyMap<string, WantedFile[]>> {
  const room = new Map<Place, number>();
  for (const place of places) room.set(place, await freeBytes(place.root));
  const wanted = new Map<string, WantedFile[]>();
  for (const table of targets) {
    const directory = join(table.keyspace, `${table.table}-${table.tableId}`);
    const present = new Map<string, Place>();
    for (const place of places) {
      for (const { baseName } of (await listSSTables(join(place.dataDirectory, directory), run.signal)) ?? []) {
        present.set(baseName, place);
      }
    }
    const files = [...run.files((keyspace, name) => keyspace === table.keyspace && name === table.table)];
    for (const [baseName, components] of Map.groupBy(files, (file) => file.baseName)) {
      const local = table.keyspace === "system" || table.keyspace === "system_schema";
      const place = local ? systemPlace(places, stopped) : (present.get(baseName) ?? roomiest(room));
      const bytes = components.reduce((sum, { entry }) => sum + (entry.size ?? 0), 0);
      room.set(place, (room.get(place) ?? 0) - bytes);
      const assigned = components.map(({ entry, path }): WantedFile => {
        const relative = join(directory, path.index ?? "", path.file);
        return { entry, path: join(place.staged, relative), candidate: join(place.dataDirectory, relative) };
      });
      wanted.set(`${directory}/${baseName}`, assigned);
    }
  }
  return wanted;
}

function systemPlace(places: readonly Place[], { systemDirectory }: StoppedNode): Place {
  const place = places.find(({ dataDirectory }) => dataDirectory === systemDirectory) ?? places[0];
  if (place === undefined) throw new AppError("internal", "no data directory to restore into");
  return place;
}

function roomiest(room: ReadonlyMap<Place, number>): Place {
  const [best] = [...room].sort(([, a], [, b]) => b - a);
  if (best === undefined) throw new AppError("internal", "no data directory to restore into");
  return best[0];
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

async function formerRestores(root: string): Promise<string[]> {
  const names = await readdir(dirname(root)).catch(() => []);
  const prefix = `${basename(root)}.`;
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(dirname(root), name));
}

async function finish(
  run: RestoreRun,
  stopped: StoppedNode,
  places: readonly Place[],
  journalPath: string,
  journal: SwapJournal,
  report: FetchReport,
): Promise<InPlaceReport> {
  const { request, manifest, log } = run;
  const edited = request.updateCassandraYaml ? editedConfig(stopped, manifest.tokens) : undefined;
  const done = await runSwap(places, journal, {
    owner: await ownerOf(stopped),
    configFile: edited,
    saveProgress: (state) => writeJournal(journalPath, state),
  });
  await writeJournal(journalPath, done);
  const roots = [...new Set(places.map(({ root }) => root))];
  log.info(`what was replaced is in ${roots.join(", ")}`);
  return {
    ...report,
    next: [
      "start the node",
      ...(await rebuildCommands(run, stopped.dataDirectories)),
      "when it has proved itself, run the same command with --restoration-phase-type cleanup",
    ],
  };
}

function editedConfig({ configFile }: StoppedNode, tokens: readonly string[]) {
  if (configFile === undefined) return undefined;
  const settings = { auto_bootstrap: false, num_tokens: tokens.length, initial_token: tokens.join(",") };
  return { path: configFile.path, text: editConfig(configFile.text, configFile.path, settings) };
}

/** Deletes what a finished restore set aside, once the node is up with what took its place. */
export async function cleanUpInPlace(
  run: RestoreRun,
  node: CassandraNode | undefined,
  operationMode: string | undefined,
): Promise<InPlaceReport> {
  if (node === undefined || operationMode !== "NORMAL") {
    throw new AppError(
      "node-state",
      `the node is ${operationMode ?? "down"}; what was replaced is kept until it is NORMAL`,
      {
        hint: "start the node, look at its data, then clean up",
      },
    );
  }
  const places = await findPlaces(run, run.dataDirectories);
  const journal = await readJournal(join(places[0]?.root ?? "", journalFile), parseSwapJournal);
  if (journal === undefined || !journal.done) {
    throw new AppError("node-state", `there is no finished IN_PLACE restore of ${run.backup.text} to clean up`, {
      hint:
        journal === undefined ? "check --snapshot-tag" : "stop the node and run the restore again: it was interrupted",
    });
  }
  for (const name of journal.tables) await checkPresent(name, node, run.signal);
  if (run.request.dryRun) return { fetched: nothing, reused: nothing, next: [] };
  for (const root of new Set(places.map((place) => place.root))) {
    for (const former of await formerRestores(root)) await removeRestoreDirectory(former);
    await removeRestoreDirectory(root);
  }
  for (const outside of outsidePlaces(places, journal)) await removeRestoreDirectory(outside);
  return { fetched: nothing, reused: nothing, next: [] };
}

/** Files that were put into the directory of a dropped table are read by nobody: that is no restore to be cleaned up. */
async function checkPresent(name: string, node: CassandraNode, signal: AbortSignal): Promise<void> {
  const [keyspace = "", table = ""] = name.split(".");
  if ((await node.tables(keyspace, { signal })).includes(table)) return;
  throw new AppError("node-state", `table ${name} was restored, but the node does not have it`, {
    hint: "create it and restore it with IMPORT",
  });
}
