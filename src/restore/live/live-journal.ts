import { join } from "node:path";
import { readJournal, writeJournal } from "../journal.ts";

/** Tables are keyed by their target, "keyspace.table". */
export interface LiveJournal {
  /** The `truncated-…` snapshots from before this restore's truncate; later ones belong to this restore. */
  readonly before: Readonly<Record<string, readonly string[]>>;
  /** Our own snapshots of the tables from before truncate; those that are not needed are cleared already. */
  readonly snapshots: readonly string[];
  /** "pending" from truncate, or the begin of the import, until Cassandra has loaded every SSTable of the table. */
  readonly imports: Readonly<Record<string, ImportState>>;
}

export type ImportState = "pending" | "done";

/** Not the name of an in-place restore's journal, which may lie in a directory beside. */
const journalFile = "live-journal.json";

export function journalPath(staging: string): string {
  return join(staging, journalFile);
}

/** Undefined before the first truncate or import. */
export function readLiveJournal(staging: string): Promise<LiveJournal | undefined> {
  return readJournal(journalPath(staging), parseLiveJournal);
}

/** Applies `change` to the journal; the change survives a crash when this returns. */
export async function updateLiveJournal(staging: string, change: (journal: LiveJournal) => LiveJournal): Promise<void> {
  const journal = (await readLiveJournal(staging)) ?? { before: {}, snapshots: [], imports: {} };
  await writeJournal(journalPath(staging), change(journal));
}

export function withImports(journal: LiveJournal, tables: readonly string[], state: ImportState): LiveJournal {
  const changed = Object.fromEntries(tables.map((table) => [table, state]));
  return { ...journal, imports: { ...journal.imports, ...changed } };
}

function parseLiveJournal(value: unknown): LiveJournal | undefined {
  if (typeof value !== "object" || value === null || !("before" in value)) return undefined;
  const before = recordOf(value.before, namesOf);
  if (before === undefined) return undefined;
  // Earlier versions did not record imports: whether their tables were imported cannot be told.
  const snapshots = "snapshots" in value ? namesOf(value.snapshots) : [];
  if (snapshots === undefined) return undefined;
  if (!("imports" in value)) return withImports({ before, snapshots, imports: {} }, Object.keys(before), "pending");
  const imports = recordOf(value.imports, (state) => (state === "pending" || state === "done" ? state : undefined));
  return imports === undefined ? undefined : { before, snapshots, imports };
}

/** Undefined unless it is an object whose values all parse. */
function recordOf<T>(value: unknown, parse: (item: unknown) => T | undefined): Record<string, T> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const parsed: [string, T][] = [];
  for (const [key, item] of Object.entries(value)) {
    const one = parse(item);
    if (one === undefined) return undefined;
    parsed.push([key, one]);
  }
  return Object.fromEntries(parsed);
}

function namesOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((name) => typeof name === "string") ? value : undefined;
}
