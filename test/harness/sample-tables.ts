/** Tables of many kinds in a keyspace of their own, whose content at each stage of writing is known row by row. */
import { expect } from "vitest";
import type { CqlSession } from "../../src/sandbox/sandbox.ts";
import type { CassandraNode } from "./cassandra.ts";

export interface SampleTables {
  readonly keyspace: string;
  readonly names: readonly string[];
  /** Brings the tables to a later stage: more rows, changed rows, deleted rows. Stage 1 is written on creation. */
  write(stage: number): Promise<void>;
  /** Empties some tables, deletes rows of others, and adds rows that no backup has. */
  destroy(): Promise<void>;
  /** Every row of every table, and what its indexes answer, is as it was at that stage. */
  expectRows(stage: number, cql?: CqlSession): Promise<void>;
}

const rowsPerStage = 200;

/** `sai`: whether to have a storage-attached index where the version knows them; by default yes. */
export async function createSampleTables(
  node: CassandraNode,
  options: { readonly sai?: boolean } = {},
): Promise<SampleTables> {
  const keyspace = await node.keyspace();
  const sai = (options.sai ?? true) && node.sandbox.version === "5.0";
  const run = (query: string, parameters: readonly unknown[] = []) =>
    node.cql.execute(query.replaceAll("KS.", `${keyspace}.`), parameters, { prepare: parameters.length > 0 });
  for (const statement of statements) await run(statement);
  if (sai) await run("CREATE CUSTOM INDEX indexed_email ON KS.indexed (email) USING 'StorageAttachedIndex'");
  const expected = new Map<number, string>();

  const write = async (stage: number) => {
    for (let row = 0; row < rowsPerStage; row += 1) await writeRow(run, stage, row);
    await run("DELETE FROM KS.simple WHERE k = ?", [stage * 1000 + 7]);
    await run("DELETE FROM KS.people WHERE id = ? AND ts > ?", [stage, 150]);
    expected.set(stage, await dump(node.cql, keyspace, sai));
  };
  await write(1);
  return {
    keyspace,
    names: tableNames,
    write,
    async destroy() {
      await run("TRUNCATE KS.simple");
      await run("TRUNCATE KS.counts");
      for (let id = 0; id < 5; id += 1) await run("DELETE FROM KS.people WHERE id = ?", [id]);
      for (let k = 0; k < 50; k += 1)
        await run("INSERT INTO KS.indexed (k, city, email) VALUES (?, 'nowhere', 'x')", [k]);
      await run("INSERT INTO KS.untouched (k) VALUES (99)");
    },
    async expectRows(stage, cql = node.cql) {
      expect(await dump(cql, keyspace, sai)).toEqual(expected.get(stage));
    },
  };
}

const tableNames = ["simple", "people", "indexed", "counts", "untouched"] as const;

const statements = [
  "CREATE TYPE KS.address (street text, zip int, tags frozen<set<text>>)",
  "CREATE TABLE KS.simple (k int PRIMARY KEY, v text) WITH compression = {'class': 'LZ4Compressor'}",
  `CREATE TABLE KS.people (id int, ts int, home frozen<address>, scores map<text, int>, shared text static,
     PRIMARY KEY (id, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND compression = {'enabled': false}`,
  "CREATE TABLE KS.indexed (k int PRIMARY KEY, city text, email text)",
  "CREATE INDEX indexed_city ON KS.indexed (city)",
  "CREATE TABLE KS.counts (k int PRIMARY KEY, n counter)",
  "CREATE TABLE KS.untouched (k int PRIMARY KEY)",
];

async function writeRow(
  run: (query: string, parameters: readonly unknown[]) => Promise<unknown>,
  stage: number,
  row: number,
): Promise<void> {
  const k = stage * 1000 + row;
  await Promise.all([
    run("INSERT INTO KS.simple (k, v) VALUES (?, ?)", [k, `value ${k} `.repeat(20)]),
    run("INSERT INTO KS.people (id, ts, home, scores, shared) VALUES (?, ?, ?, ?, ?)", [
      stage,
      row,
      { street: `street ${row}`, zip: row, tags: ["a", `b${row}`] },
      { x: row, y: stage },
      `stage ${stage}`,
    ]),
    run("INSERT INTO KS.indexed (k, city, email) VALUES (?, ?, ?)", [
      row,
      `city ${stage % 2}`,
      `e${stage}.${row}@x.org`,
    ]),
    run("UPDATE KS.counts SET n = n + 1 WHERE k = ?", [row % 10]),
  ]);
}

/** All rows of all tables and the answers of the indexes, as text that is equal exactly when they are. */
async function dump(cql: CqlSession, keyspace: string, sai: boolean): Promise<string> {
  const queries = tableNames.map((table) => `SELECT * FROM ${keyspace}.${table}`);
  queries.push(`SELECT k FROM ${keyspace}.indexed WHERE city = 'city 0'`);
  queries.push(`SELECT k FROM ${keyspace}.indexed WHERE city = 'city 1'`);
  if (sai) queries.push(`SELECT k FROM ${keyspace}.indexed WHERE email = 'e2.17@x.org'`);
  const answers: string[] = [];
  for (const query of queries) {
    const { rows } = await cql.execute(query, [], { fetchSize: 10_000 });
    answers.push(
      rows
        .map((row) => JSON.stringify(row))
        .sort()
        .join("\n"),
    );
  }
  return answers.join("\n--\n");
}
