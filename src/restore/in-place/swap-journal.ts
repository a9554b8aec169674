import { join } from "node:path";
import { listSegments } from "../../cassandra/cassandra.ts";
import type { Place } from "./places.ts";

/** Segments out of which the wanted tables' mutations are taken; see CommitLogTables. */
export interface MaskedSegments {
  readonly segments: readonly string[];
  readonly wanted: readonly string[];
  readonly foreign: readonly string[];
}

/** What is set aside beside SSTables. */
export const folderKinds = ["commitlog", "hints", "saved_caches"] as const;
export type FolderKind = (typeof folderKinds)[number];

export interface SwapDirectories extends Readonly<Record<FolderKind, string>> {
  /** In the order of the places. */
  readonly data: readonly string[];
}

/** A file below the data directory of a place (`<keyspace>/<table>-<id>/[.<index>/]<file>`), or in one of the folders. */
export type AsideFile = readonly [source: number | FolderKind, name: string];

/**
 * What the swap will do, written down before it begins, so that it can be finished after a crash: each step is done or
 * not done, and doing it again changes nothing.
 *
 * The journal lies where the account of Cassandra may write. So it holds names, of which the paths are built from what
 * this run knows of the node; a path in it is only ever compared.
 */
export interface SwapJournal {
  readonly done: boolean;
  /** "ks.table" of every table that is restored. */
  readonly tables: readonly string[];
  /** What the run that planned the swap took for the node's directories; every later one must take the same. */
  readonly directories: SwapDirectories;
  /** Files to set aside. All of them before anything staged is moved in. */
  readonly aside: readonly AsideFile[];
  /** Set once every file of `aside` is away: from then on, a file at such a place is a restored one. */
  readonly asideDone: boolean;
  readonly mask: MaskedSegments;
  /** The directory in which the files of a folder are kept: the folder's name, with a number where that was taken. */
  readonly kept: Readonly<Record<FolderKind, string>>;
}

export function parseSwapJournal(value: unknown): SwapJournal | undefined {
  return isSwapJournal(value) ? value : undefined;
}

function isSwapJournal(value: unknown): value is SwapJournal {
  const { done, tables, directories, aside, asideDone, mask, kept } = fieldsOf(value);
  const { segments, wanted, foreign } = fieldsOf(mask);
  const { data, ...folders } = fieldsOf(directories);
  if (!isTexts(tables) || !isTexts(data) || !Array.isArray(aside)) return false;
  return (
    typeof done === "boolean" &&
    typeof asideDone === "boolean" &&
    folderKinds.every((kind) => typeof folders[kind] === "string" && isKeptName(fieldsOf(kept)[kind], kind)) &&
    isTexts(segments) &&
    segments.every(isFileName) &&
    [wanted, foreign].every((ids) => isTexts(ids) && ids.every((id) => /^[0-9a-f]{32}$/.test(id))) &&
    aside.every((file) => isAsideFile(file, data.length, new Set(tables)))
  );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

function isKeptName(value: unknown, kind: FolderKind): boolean {
  return (
    typeof value === "string" &&
    (value === kind || (value.startsWith(`${kind}.`) && /\.\d+$/.test(value) && isFileName(value)))
  );
}

const livePathPattern = /^(\w+)\/(\w+)-[0-9a-f]{32}\/(?:\.\w+\/)?([^/]+)$/;

function isAsideFile(value: unknown, places: number, tables: ReadonlySet<string>): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const source: unknown = value[0];
  const name: unknown = value[1];
  if (typeof name !== "string") return false;
  if (folderKinds.some((kind) => kind === source)) return isFileName(name);
  const [, keyspace, table, file = ""] = livePathPattern.exec(name) ?? [];
  const isPlace = typeof source === "number" && Number.isInteger(source) && source >= 0 && source < places;
  return isPlace && isFileName(file) && tables.has(`${keyspace}.${table}`);
}

/** Whether the directories are those that the swap was planned for. */
export function sameDirectories(a: SwapDirectories, b: SwapDirectories): boolean {
  return a.data.join("\0") === b.data.join("\0") && folderKinds.every((kind) => a[kind] === b[kind]);
}

/** Where files of each folder are moved to by renaming. */
export type KeptDirectories = Readonly<Record<FolderKind, string>>;

/** The moves of a journal: from, to. */
export function asideMoves(
  { aside, directories }: Pick<SwapJournal, "aside" | "directories">,
  places: readonly Place[],
  kept: KeptDirectories,
): readonly (readonly [from: string, to: string])[] {
  return aside.flatMap(([source, name]) => {
    if (typeof source === "string") return [[join(directories[source], name), join(kept[source], name)] as const];
    const place = places[source];
    return place === undefined ? [] : [[join(place.dataDirectory, name), join(place.replaced, name)] as const];
  });
}

/** Those of the journal's segments that are there. */
export async function presentSegments({ mask, directories }: SwapJournal): Promise<readonly string[]> {
  const present = new Set(await listSegments(directories.commitlog));
  return mask.segments.filter((segment) => present.has(segment));
}
