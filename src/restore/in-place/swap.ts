import { readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { appearanceRank, listSegments, maskTables, parseComponentName } from "../../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";
import { replaceFile, syncDirectory } from "../../files/files.ts";
import { filesBelow, makeDirectory, moveFile, type Owner, restoreDirectory } from "../directories.ts";
import type { StoppedNode } from "./stopped-node.ts";
import type { StoppedTable } from "./target-directories.ts";

/** One data directory with the places, on its file system, for what will go in and what comes out. */
export interface Place {
  readonly dataDirectory: string;
  /** Holds all that a restore writes beside the data directory; places on one file system share it. */
  readonly root: string;
  readonly staged: string;
  readonly replaced: string;
}

/** Segments out of which the wanted tables' mutations are taken; see CommitLogTables. */
interface MaskedSegments {
  readonly segments: readonly string[];
  readonly wanted: readonly string[];
  readonly foreign: readonly string[];
}

export type CommitLogTreatment =
  /** All of it belongs to what is being replaced. */
  | { readonly kind: "set-aside" }
  /** Other tables' unflushed writes must stay. */
  | ({ readonly kind: "mask" } & MaskedSegments);

/**
 * What the swap will do, written down before it begins, so that it can be finished after a crash: each step is done or
 * not done, and doing it again changes nothing.
 */
export interface SwapJournal {
  readonly done: boolean;
  /** "ks.table" of every table that is restored. */
  readonly tables: readonly string[];
  /** Files to set aside: from, to. All of them before anything staged is moved in. */
  readonly aside: readonly (readonly [from: string, to: string])[];
  /** Set once every file of `aside` is away: from then on, a file at such a place is a restored one. */
  readonly asideDone: boolean;
  readonly commitLogDirectory: string;
  readonly mask: MaskedSegments;
  /** Where the original of a masked segment is kept. */
  readonly originals: string;
}

export interface SwapScope {
  readonly stopped: StoppedNode;
  readonly commitLog: CommitLogTreatment;
  /** All user tables are restored: hints are for what is being replaced. */
  readonly everything: boolean;
}

/** Lists what must be set aside; touches nothing. */
export async function planSwap(
  places: readonly Place[],
  targets: readonly Pick<StoppedTable, "keyspace" | "table" | "tableId">[],
  { stopped, commitLog, everything }: SwapScope,
): Promise<SwapJournal> {
  const aside: (readonly [string, string])[] = [];
  for (const place of places) {
    for (const { keyspace, table, tableId } of targets) {
      const directory = join(place.dataDirectory, keyspace, `${table}-${tableId}`);
      for (const file of await liveFiles(directory)) {
        aside.push([file, join(place.replaced, relative(place.dataDirectory, file))]);
      }
    }
  }
  const [first] = places;
  if (first === undefined) throw new AppError("internal", "no data directory to restore into");
  const { commitLogDirectory, hintsDirectory, savedCachesDirectory } = stopped;
  // A cache names positions in SSTables that a restored one may share its name with.
  const folders = [[savedCachesDirectory, "saved_caches"]];
  if (everything) folders.push([hintsDirectory, "hints"]);
  if (commitLog.kind === "set-aside") folders.push([commitLogDirectory, "commitlog"]);
  for (const [folder = "", name = ""] of folders) {
    const to = await besides(folder, first, name);
    for (const file of await plainFiles(folder)) aside.push([file, join(to, basename(file))]);
  }
  return {
    done: false,
    tables: targets.map(({ keyspace, table }) => `${keyspace}.${table}`),
    aside,
    asideDone: false,
    commitLogDirectory,
    mask: commitLog.kind === "mask" ? commitLog : { segments: [], wanted: [], foreign: [] },
    originals: await besides(commitLogDirectory, first, "commitlog"),
  };
}

/**
 * Where files of `folder` can be moved to by renaming: a new directory in the first place's root, or beside the folder
 * itself, where an earlier restore may have left some.
 */
async function besides(folder: string, { root }: Place, name: string): Promise<string> {
  const device = async (path: string) => (await stat(path).catch(() => undefined))?.dev;
  const [ours, theirs] = [await device(dirname(dirname(root))), await device(folder)];
  const same = theirs === undefined || ours === theirs;
  const wanted = join(same ? root : join(folder, "..", restoreDirectory, basename(root)), name);
  for (let free = wanted, number = 1; ; free = `${wanted}.${number++}`) {
    if ((await stat(free).catch(() => undefined)) === undefined) return free;
  }
}

/** The directories outside the places' that hold what the swap set aside. */
export function outsidePlaces(places: readonly Place[], { aside, originals }: SwapJournal): readonly string[] {
  const inside = (path: string) => places.some(({ root }) => path.startsWith(root + sep));
  const files = aside.map(([, to]) => to).filter((to) => !inside(to));
  const outside = [...files.map((to) => dirname(dirname(to))), ...(inside(originals) ? [] : [dirname(originals)])];
  return [...new Set(outside)].filter((path) => basename(dirname(path)) === restoreDirectory);
}

async function plainFiles(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(directory, entry.name));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileError(error, `read ${directory}`);
  }
}

/** The files of a table's live directory and of its indexes', but not of its snapshots and incremental backups. */
async function liveFiles(directory: string): Promise<string[]> {
  const files = await plainFiles(directory);
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory() && entry.name.startsWith("."))
      files.push(...(await plainFiles(join(directory, entry.name))));
  }
  return files;
}

export function parseSwapJournal(value: unknown): SwapJournal | undefined {
  return isSwapJournal(value) ? value : undefined;
}

function isSwapJournal(value: unknown): value is SwapJournal {
  if (typeof value !== "object" || value === null) return false;
  const { done, tables, aside, asideDone, commitLogDirectory, mask, originals } = { ...value } as Record<
    string,
    unknown
  >;
  const texts = (list: unknown) => Array.isArray(list) && list.every((item) => typeof item === "string");
  if (typeof mask !== "object" || mask === null) return false;
  const { segments, wanted, foreign } = { ...mask } as Record<string, unknown>;
  return (
    typeof done === "boolean" &&
    typeof asideDone === "boolean" &&
    typeof commitLogDirectory === "string" &&
    typeof originals === "string" &&
    Array.isArray(aside) &&
    aside.every((pair) => texts(pair) && pair.length === 2) &&
    [tables, segments, wanted, foreign].every(texts)
  );
}

export interface SwapEnd {
  readonly owner: Owner | undefined;
  /** The edited cassandra.yaml, put in place after everything else. */
  readonly configFile: { readonly path: string; readonly text: string } | undefined;
  /** Must have saved the journal durably when it resolves. */
  saveProgress(journal: SwapJournal): Promise<void>;
}

/** Does what the journal says, from wherever an earlier run left off. */
export async function runSwap(places: readonly Place[], journal: SwapJournal, end: SwapEnd): Promise<SwapJournal> {
  if (!journal.asideDone) {
    await moveAll(journal.aside, undefined);
    await end.saveProgress({ ...journal, asideDone: true });
  }
  for (const { staged, dataDirectory } of places) {
    const files = (await filesBelow(staged)).map(
      (file) => [file, join(dataDirectory, relative(staged, file))] as const,
    );
    // Data.db makes an SSTable one: it arrives when all else of it is there.
    const rank = ([file]: readonly [string, string]) =>
      appearanceRank(parseComponentName(basename(file))?.component ?? "");
    await moveAll(
      files.toSorted((a, b) => rank(a) - rank(b)),
      end.owner,
    );
    await rm(staged, { recursive: true, force: true });
  }
  await maskCommitLog(journal, end.owner);
  if (end.configFile !== undefined) await replaceConfig(end.configFile, dirname(places[0]?.staged ?? ""));
  return { ...journal, asideDone: true, done: true };
}

async function moveAll(moves: readonly (readonly [string, string])[], owner: Owner | undefined): Promise<void> {
  const directories = new Set<string>();
  for (const [from, to] of moves) {
    if (!directories.has(dirname(to))) await makeDirectory(dirname(to), owner);
    directories.add(dirname(from)).add(dirname(to));
    await moveFile(from, to);
  }
  for (const directory of directories) await syncDirectory(directory);
}

/** Replaces each segment by a copy without the restored tables' mutations; the original is kept. */
async function maskCommitLog(
  { mask, commitLogDirectory, originals }: SwapJournal,
  owner: Owner | undefined,
): Promise<void> {
  const tables = { wanted: new Set(mask.wanted), foreign: new Set(mask.foreign) };
  const present = new Set(await listSegments(commitLogDirectory));
  for (const name of mask.segments.filter((segment) => present.has(segment))) {
    const path = join(commitLogDirectory, name);
    const segment = await readFile(path);
    const kept = join(originals, name);
    if ((await stat(kept).catch(() => undefined)) === undefined) {
      await makeDirectory(originals, owner);
      await replaceFile(kept, segment);
    }
    if (maskTables(segment, tables) === "entangled") {
      throw new AppError("corrupt", `commit log segment ${path} has changed since it was looked at`);
    }
    await replaceFile(path, segment);
  }
}

async function replaceConfig({ path, text }: { path: string; text: string }, root: string): Promise<void> {
  const kept = join(root, basename(path));
  if ((await stat(kept).catch(() => undefined)) === undefined) await replaceFile(kept, await readFile(path));
  await replaceFile(path, Buffer.from(text));
}
