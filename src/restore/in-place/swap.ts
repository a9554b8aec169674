import { chmod, lstat, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { appearanceRank, maskTables, parseComponentName, readSegment } from "../../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";
import { existingParent, replaceFile, syncDirectory } from "../../files/files.ts";
import { filesBelow, makeDirectory, moveFile, type Owner, restoreDirectory } from "../directories.ts";
import type { Place } from "./places.ts";
import type { StoppedNode } from "./stopped-node.ts";
import {
  type AsideFile,
  asideMoves,
  type FolderKind,
  folderKinds,
  type KeptDirectories,
  type MaskedSegments,
  presentSegments,
  type SwapDirectories,
  type SwapJournal,
} from "./swap-journal.ts";
import type { StoppedTable } from "./target-directories.ts";

export type CommitLogTreatment =
  /** All of it belongs to what is being replaced. */
  | { readonly kind: "set-aside" }
  /** Other tables' unflushed writes must stay. */
  | ({ readonly kind: "mask" } & MaskedSegments);

export interface SwapScope {
  readonly stopped: StoppedNode;
  readonly commitLog: CommitLogTreatment;
  /** All user tables are restored: hints are for what is being replaced. */
  readonly everything: boolean;
}

/** The directories of a swap, in the order of its places. */
export function swapDirectories(places: readonly Place[], stopped: StoppedNode): SwapDirectories {
  return {
    data: places.map(({ dataDirectory }) => dataDirectory),
    commitlog: stopped.commitLogDirectory,
    hints: stopped.hintsDirectory,
    saved_caches: stopped.savedCachesDirectory,
  };
}

/** Lists what must be set aside; touches nothing. */
export async function planSwap(
  places: readonly Place[],
  targets: readonly Pick<StoppedTable, "keyspace" | "table" | "tableId">[],
  { stopped, commitLog, everything }: SwapScope,
): Promise<SwapJournal> {
  const aside: AsideFile[] = [];
  for (const [index, { dataDirectory }] of places.entries()) {
    for (const { keyspace, table, tableId } of targets) {
      const directory = join(dataDirectory, keyspace, `${table}-${tableId}`);
      for (const file of await liveFiles(directory)) aside.push([index, relative(dataDirectory, file)]);
    }
  }
  const directories = swapDirectories(places, stopped);
  // A cache names positions in SSTables that a restored one may share its name with.
  const kinds: FolderKind[] = ["saved_caches"];
  if (everything) kinds.push("hints");
  if (commitLog.kind === "set-aside") kinds.push("commitlog");
  for (const kind of kinds) {
    for (const file of await plainFiles(directories[kind])) aside.push([kind, basename(file)]);
  }
  const parents = await keptParents(places, directories);
  return {
    done: false,
    tables: targets.map(({ keyspace, table }) => `${keyspace}.${table}`),
    directories,
    aside,
    asideDone: false,
    mask:
      commitLog.kind === "mask"
        ? { segments: commitLog.segments, wanted: commitLog.wanted, foreign: commitLog.foreign }
        : { segments: [], wanted: [], foreign: [] },
    kept: {
      commitlog: await freeName(parents.commitlog, "commitlog"),
      hints: await freeName(parents.hints, "hints"),
      saved_caches: await freeName(parents.saved_caches, "saved_caches"),
    },
  };
}

/**
 * Where files of each folder can be moved to by renaming: into the first place's root, or beside the folder itself where
 * that is on another file system.
 */
export async function keptParents(places: readonly Place[], directories: SwapDirectories): Promise<KeptDirectories> {
  const [first] = places;
  if (first === undefined) throw new AppError("internal", "no data directory to restore into");
  const device = async (path: string) => (await stat(path).catch(() => undefined))?.dev;
  const ours = await device(dirname(dirname(first.root)));
  const parents = { commitlog: first.root, hints: first.root, saved_caches: first.root };
  for (const kind of folderKinds) {
    const theirs = await device(directories[kind]);
    if (theirs === undefined || theirs === ours) continue;
    parents[kind] = join(directories[kind], "..", restoreDirectory, basename(first.root));
  }
  return parents;
}

/** A new directory: an earlier restore may have left some. */
async function freeName(parent: string, name: string): Promise<string> {
  for (let free = name, number = 1; ; free = `${name}.${number++}`) {
    if ((await lstat(join(parent, free)).catch(() => undefined)) === undefined) return free;
  }
}

async function keptDirectories(places: readonly Place[], { directories, kept }: SwapJournal): Promise<KeptDirectories> {
  const parents = await keptParents(places, directories);
  return {
    commitlog: join(parents.commitlog, kept.commitlog),
    hints: join(parents.hints, kept.hints),
    saved_caches: join(parents.saved_caches, kept.saved_caches),
  };
}

/** The directories outside the places' that hold what a swap sets aside. */
export async function outsidePlaces(
  places: readonly Place[],
  { directories }: Pick<SwapJournal, "directories">,
): Promise<readonly string[]> {
  const roots = new Set(places.map(({ root }) => root));
  return [...new Set(Object.values(await keptParents(places, directories)))].filter((path) => !roots.has(path));
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
    if (entry.isDirectory() && /^\.\w+$/.test(entry.name))
      files.push(...(await plainFiles(join(directory, entry.name))));
  }
  return files;
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
  const kept = await keptDirectories(places, journal);
  if (!journal.asideDone) {
    await moveAll(asideMoves(journal, places, kept), end.owner);
    await end.saveProgress({ ...journal, asideDone: true });
  }
  for (const { staged, dataDirectory } of places) {
    const files = (await filesBelow(staged)).map(
      (file) => [file, join(dataDirectory, relative(staged, file))] as const,
    );
    // Data.db makes an SSTable one: it arrives when all else of it is there.
    const rank = ([file]: readonly [string, string]) =>
      appearanceRank(parseComponentName(basename(file))?.component ?? "");
    const ordered = files.toSorted((a, b) => rank(a) - rank(b));
    await takePermissions(ordered, dataDirectory);
    await moveAll(ordered, end.owner);
    await rm(staged, { recursive: true, force: true });
  }
  await maskCommitLog(journal, kept.commitlog, end.owner);
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

/** Restored files are not readable to more than the directory that they go to: it may be all that protects them. */
async function takePermissions(moves: readonly (readonly [string, string])[], dataDirectory: string): Promise<void> {
  const { mode } = await stat(await existingParent(dataDirectory));
  const allowed = (mode & 0o666) | 0o600;
  for (const [file] of moves) {
    const found = await lstat(file);
    if (found.isFile() && (found.mode & 0o777 & ~allowed) !== 0) await chmod(file, found.mode & allowed);
  }
}

/** Replaces each segment by a copy without the restored tables' mutations; the original is kept. */
async function maskCommitLog(journal: SwapJournal, originals: string, owner: Owner | undefined): Promise<void> {
  const { mask, directories } = journal;
  const tables = { wanted: new Set(mask.wanted), foreign: new Set(mask.foreign) };
  for (const name of await presentSegments(journal)) {
    const path = join(directories.commitlog, name);
    const { content: segment, mode } = await readSegment(path);
    const kept = join(originals, name);
    if ((await lstat(kept).catch(() => undefined)) === undefined) {
      await makeDirectory(originals, owner);
      await replaceFile(kept, segment, mode);
    }
    if (maskTables(segment, tables) === "entangled") {
      throw new AppError("corrupt", `commit log segment ${path} has changed since it was looked at`);
    }
    await replaceFile(path, segment);
  }
}

/** The file that a link leads to is replaced, not the link. The original is kept, readable to nobody else than before. */
async function replaceConfig({ path, text }: { path: string; text: string }, root: string): Promise<void> {
  const real = await realpath(path);
  const kept = join(root, basename(path));
  if ((await lstat(kept).catch(() => undefined)) === undefined) {
    await replaceFile(kept, await readFile(real), await stat(real));
  }
  await replaceFile(real, text);
}
