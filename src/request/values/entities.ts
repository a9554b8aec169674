/** What of the database is meant: everything, whole keyspaces, or single tables. */
import { AppError } from "../../errors.ts";
import type { ValueKind } from "../options/option.ts";

export interface TableName {
  readonly keyspace: string;
  readonly table: string;
}

export type Entities =
  | { readonly kind: "all" }
  | { readonly kind: "keyspaces"; readonly keyspaces: readonly string[] }
  | { readonly kind: "tables"; readonly tables: readonly TableName[] };

const nameOnly = /^\w+$/;
const tableNamePattern = /^(\w+)\.(\w+)$/;
const hint = "write keyspaces as ks1,ks2 or tables as ks1.t1,ks2.t2";

/** "ks.table", or undefined for anything else. */
export function parseTableName(text: string): TableName | undefined {
  const [, keyspace, table] = tableNamePattern.exec(text.trim()) ?? [];
  return keyspace === undefined || table === undefined ? undefined : { keyspace, table };
}

export function formatTableName(name: TableName): string {
  return `${name.keyspace}.${name.table}`;
}

/** "ks1,ks2" or "ks1.t1,ks2.t2", never mixed; empty is everything; duplicates count once. Throws `usage`. */
export function parseEntities(text: string): Entities {
  if (text.trim() === "") return { kind: "all" };
  const parts = [...new Set(text.split(",").map((part) => part.trim()))];
  if (parts.includes("")) throw new AppError("usage", `'${text}' has an empty part between its commas`, { hint });
  const tables = new Map<string, TableName>();
  const keyspaces: string[] = [];
  for (const part of parts) {
    const table = parseTableName(part);
    if (table !== undefined) tables.set(part, table);
    else if (nameOnly.test(part)) keyspaces.push(part);
    else throw new AppError("usage", `'${part}' is neither a keyspace nor keyspace.table`, { hint });
  }
  if (tables.size === 0) return { kind: "keyspaces", keyspaces };
  if (keyspaces.length === 0) return { kind: "tables", tables: [...tables.values()] };
  throw new AppError("usage", `'${text}' mixes keyspaces and tables`, { hint });
}

/** The text that {@link parseEntities} takes back; empty for everything. */
export function formatEntities(entities: Entities): string {
  switch (entities.kind) {
    case "all":
      return "";
    case "keyspaces":
      return entities.keyspaces.join(",");
    case "tables":
      return entities.tables.map(formatTableName).join(",");
  }
}

/** Whether the table is meant. "All" means every table there is, system keyspaces included. */
export function includesTable(entities: Entities, name: TableName): boolean {
  switch (entities.kind) {
    case "all":
      return true;
    case "keyspaces":
      return entities.keyspaces.includes(name.keyspace);
    case "tables":
      return entities.tables.some((table) => table.keyspace === name.keyspace && table.table === name.table);
  }
}

/** As part of a pattern. */
export const tableNameForm = String.raw`\w+\.\w+`;

export const entitiesKind: ValueKind<Entities> = {
  placeholder: "ENTITIES",
  schema: {
    type: "string",
    pattern: String.raw`^(?:\w+(?:,\w+)*|${tableNameForm}(?:,${tableNameForm})*)?$`,
  },
  commas: true,
  parse: parseEntities,
};

/** Keyspaces that Cassandra makes and keeps for itself; its virtual ones are left out, they have no files. */
export const systemKeyspaces: ReadonlySet<string> = new Set([
  "system",
  "system_schema",
  "system_auth",
  "system_distributed",
  "system_traces",
]);
