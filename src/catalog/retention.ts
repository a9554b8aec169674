import type { Manifest } from "../repository/repository.ts";

/** The tables of a backup, by keyspace. */
export type BackupTables = ReadonlyMap<string, ReadonlySet<string>>;

export function tablesOf({ snapshot }: Manifest): BackupTables {
  return new Map(
    Object.entries(snapshot.keyspaces).map(([keyspace, { tables }]) => [keyspace, new Set(Object.keys(tables))]),
  );
}

/**
 * The tables that describe the schema, of all supported versions. A backup that has all of them is one of whole
 * keyspaces: nobody lists them one by one.
 */
const schemaTables = [
  "aggregates",
  "columns",
  "dropped_columns",
  "functions",
  "indexes",
  "keyspaces",
  "tables",
  "triggers",
  "types",
  "views",
];

/**
 * Whether a newer backup has all tables of an older one. A table that it lacks counts as dropped if it has whole
 * keyspaces, the table's among them. The relation is transitive.
 */
export function covers(newer: BackupTables, older: BackupTables): boolean {
  const schema = newer.get("system_schema");
  const whole = schemaTables.every((table) => schema?.has(table) === true);
  return [...older].every(([keyspace, tables]) => {
    const there = newer.get(keyspace);
    return there !== undefined && (whole || [...tables].every((table) => there.has(table)));
  });
}

/**
 * Whether an age rule must keep a backup: no newer one covers it. So a backup of a few tables never replaces one of all,
 * and for each backup that is removed, one that covers it is kept. One whose tables are unknown is kept, and covers none.
 */
export function mustKeep(older: BackupTables | undefined, newer: readonly (BackupTables | undefined)[]): boolean {
  return older === undefined || !newer.some((tables) => tables !== undefined && covers(tables, older));
}
