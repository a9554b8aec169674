import { describe, expect, it } from "vitest";
import { parseSnapshotSchema } from "./schema-statements.ts";

/** As Cassandra 5.0 writes them, with fewer options. */
const base = `CREATE TABLE IF NOT EXISTS ks.base (
    a int,
    b text,
    c timestamp,
    d int,
    s text static,
    "Odd, name" frozen<tuple<int, text>>,
    v map<text, frozen<address>>,
    gone int,
    PRIMARY KEY ((a, b), c, d)
) WITH ID = afadbc60-eaf2-11f1-b5e3-495b100b9bc4
    AND CLUSTERING ORDER BY (c DESC, d ASC)
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND gc_grace_seconds = 864000
    AND speculative_retry = '99p';
ALTER TABLE ks.base DROP gone USING TIMESTAMP 1795846347988000;
CREATE INDEX IF NOT EXISTS base_d_idx ON ks.base (d);`;

const simple = `CREATE TYPE IF NOT EXISTS ks.address (
    street text,
    zip int
);
CREATE TABLE IF NOT EXISTS ks.simple (
    k int PRIMARY KEY,
    v text,
    addr address
) WITH ID = afca4510-eaf2-11f1-b5e3-495b100b9bc4
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND gc_grace_seconds = 864000
    AND speculative_retry = '99p';`;

const view = `CREATE TYPE IF NOT EXISTS ks.address (
    street text,
    zip int
);
CREATE MATERIALIZED VIEW IF NOT EXISTS ks.by_v AS
    SELECT *
    FROM ks.simple
    WHERE k IS NOT NULL AND v IS NOT NULL
    PRIMARY KEY (v, k)
 WITH ID = b0088690-eaf2-11f1-b5e3-495b100b9bc4
    AND CLUSTERING ORDER BY (k ASC)
    AND additional_write_policy = '99p';
`;

const column = (type: string, more: object = {}) => ({ type, isStatic: false, isDropped: false, ...more });

describe("the schema.cql of a snapshot", () => {
  it("gives the key, the columns with dropped ones, and gc_grace_seconds of a table", () => {
    expect(parseSnapshotSchema(base)).toEqual({
      types: new Map(),
      view: undefined,
      indexes: ["base_d_idx"],
      table: {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        partitionKey: ["a", "b"],
        clustering: [
          { name: "c", isReversed: true },
          { name: "d", isReversed: false },
        ],
        columns: new Map([
          ["a", column("int")],
          ["b", column("text")],
          ["c", column("timestamp")],
          ["d", column("int")],
          ["s", column("text", { isStatic: true })],
          ["Odd, name", column("frozen<tuple<int,text>>")],
          ["v", column("map<text,frozen<address>>")],
          ["gone", column("int", { isDropped: true })],
        ]),
        gcGraceSeconds: 864000,
      },
    });
  });

  it("gives the user-defined types, and a key that is declared with its column", () => {
    const { table, types } = parseSnapshotSchema(simple);
    expect(types).toEqual(new Map([["address", ["text", "int"]]]));
    expect(table).toMatchObject({ partitionKey: ["k"], clustering: [] });
    expect(table?.columns.get("addr")).toEqual(column("address"));
  });

  it("gives the base table of a materialized view", () => {
    const { table, view: found } = parseSnapshotSchema(view);
    expect(table).toBeUndefined();
    expect(found).toMatchObject({ baseKeyspace: "ks", baseTable: "simple" });
    expect(found?.definition).toMatch(/^AS SELECT \* FROM ks \. simple WHERE .* PRIMARY KEY \( v , k \)$/);
  });

  it("reads what other versions and features write", () => {
    const cql = `CREATE TABLE ks."T" (k int, "say ""x""" text MASKED WITH system.mask_default(), e vector<float, 3> static,
      f text, PRIMARY KEY (k)) WITH comment = 'a ; CREATE TABLE ks.u (k text PRIMARY KEY);';
      ALTER TABLE ks."T" DROP f USING TIMESTAMP 1; ALTER TABLE ks."T" ADD f text static;`;
    expect(parseSnapshotSchema(cql).table?.columns).toEqual(
      new Map([
        ["k", column("int")],
        ['say "x"', column("text")],
        ["e", column("vector<float,3>", { isStatic: true })],
        ["f", column("text", { isStatic: true })],
      ]),
    );
  });

  it("gives the indexes of all kinds", () => {
    const cql = `CREATE INDEX IF NOT EXISTS a ON ks.t (v); CREATE CUSTOM INDEX IF NOT EXISTS "B c" ON ks.t (w) USING
      'StorageAttachedIndex';`;
    expect(parseSnapshotSchema(cql).indexes).toEqual(["a", "B c"]);
  });

  it("has no table where the statement is a comment, or is none", () => {
    const none = { table: undefined, view: undefined, types: new Map(), indexes: [] };
    expect(parseSnapshotSchema("/*\nCREATE TABLE ks.t (k int PRIMARY KEY);\n*/")).toEqual(none);
    for (const text of ["", "CREATE", ";;(", "\u0000"]) expect(parseSnapshotSchema(text)).toEqual(none);
  });
});
