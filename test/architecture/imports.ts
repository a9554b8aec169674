/** The import graph of the sources, and what of it breaks the rules of ranks.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Folder } from "./ranks.ts";

/** Paths below src/, each with those it imports, types included. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const importPattern = /\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

/** Tests are left out: they may look at anything. */
export function readImports(root: string): ImportGraph {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
    /(?<!\.test)\.ts$/.test(path),
  );
  return new Map(
    files.map((path) => {
      const text = readFileSync(join(root, path), "utf8");
      const imported = [...text.matchAll(importPattern)].map(([, to = ""]) => normalize(join(dirname(path), to)));
      return [path, imported];
    }),
  );
}

function inside(path: string, entry: string): boolean {
  return entry.endsWith("/") ? path.startsWith(entry) : path === entry;
}

/** "storage/storage.ts" of "storage/". */
export function doorOf(folder: string): string {
  return `${folder}${folder.slice(0, -1)}.ts`;
}

export function violations(graph: ImportGraph, folders: readonly Folder[]): readonly string[] {
  const folderOf = (path: string) => folders.find((folder) => inside(path, folder.path));
  return [...graph].flatMap(([from, targets]) => {
    const own = folderOf(from);
    if (own === undefined) return [`${from} is in no folder of the table`];
    return targets.flatMap((to) => {
      const other = folderOf(to);
      const wrong = own === other ? wrongWithin(own, from, to) : wrongAcross(own, other, to);
      return wrong === undefined ? [] : [`${from} imports ${to}: ${wrong}`];
    });
  });
}

function wrongAcross(own: Folder, other: Folder | undefined, to: string): string | undefined {
  if (other === undefined) return "it is in no folder of the table";
  if (other.rank >= own.rank) return `rank ${own.rank} imports lower ranks only, and this is ${other.rank}`;
  if (other.path.endsWith("/") && to !== doorOf(other.path)) return `enter by the door, ${doorOf(other.path)}`;
  return undefined;
}

function wrongWithin({ path, parts = [] }: Folder, from: string, to: string): string | undefined {
  if (to === doorOf(path)) return "a door is for other folders";
  const placeOf = (file: string) => {
    const within = file.slice(path.length);
    const order = parts.findIndex((names) => names.some((name) => inside(within, name)));
    const name = parts[order]?.find((candidate) => inside(within, candidate)) ?? "";
    return { order: order === -1 ? parts.length : order, folder: name.endsWith("/") ? name : "" };
  };
  const [own, other] = [placeOf(from), placeOf(to)];
  if (other.order > own.order) return "it comes later in its folder";
  if (other.order === own.order && other.folder !== own.folder) return "they stand side by side";
  return undefined;
}

/** One chain of imports that leads back to its start for each group of files that reach each other. */
export function cycles(graph: ImportGraph): readonly (readonly string[])[] {
  const found: string[][] = [];
  const finished = new Set<string>();
  const chain: string[] = [];
  const visit = (path: string) => {
    const start = chain.indexOf(path);
    if (start !== -1) found.push([...chain.slice(start), path]);
    if (start !== -1 || finished.has(path)) return;
    chain.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    chain.pop();
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return found;
}

/** The table of folders in ARCHITECTURE.md. */
export function folderTable(folders: readonly Folder[]): string {
  const rows = folders.map(({ rank, path, is }) => `| ${rank} | \`${path}\` | ${is} |`);
  return ["| rank | folder | what it is |", "|---:|---|---|", ...rows].join("\n");
}
