import { describe, expect, it } from "vitest";
import { parseSnapshotSchema } from "../../cassandra/cassandra.ts";
import { differenceOf } from "./schema.ts";

const id = "WITH ID = 0978d800-e676-11f1-9a07-dbe54d2f2ac2";
const otherId = "WITH ID = 19a650a0-e676-11f1-9a07-dbe54d2f2ac2";

function difference(backup: string, target: string): string | undefined {
  return differenceOf(parseSnapshotSchema(backup), parseSnapshotSchema(target))?.what;
}

const table = (columns: string, options = id) => `CREATE TABLE ks.t (${columns}) ${options};`;

describe("a target table takes the data of the backup", () => {
  it.each([
    ["with the same columns", "k int PRIMARY KEY, v text", "k int PRIMARY KEY, v text"],
    ["with the columns in another order", "k int PRIMARY KEY, a text, b int", "k int PRIMARY KEY, b int, a text"],
    ["with a new column", "k int PRIMARY KEY, v text", "k int PRIMARY KEY, v text, added int"],
    ["with a renamed key column", "k int, c int, PRIMARY KEY (k, c)", "key int, c2 int, PRIMARY KEY (key, c2)"],
  ])("%s", (_, backup, target) => {
    expect(difference(table(backup), table(target))).toBeUndefined();
  });

  it("with a column that was dropped since", () => {
    const backup = "k int PRIMARY KEY, v text, gone int";
    expect(difference(table(backup), `${table(backup)} ALTER TABLE ks.t DROP gone USING TIMESTAMP 1;`)).toBeUndefined();
  });

  it("with a new field of a type", () => {
    const of = (fields: string) => `CREATE TYPE ks.a (${fields}); ${table("k int PRIMARY KEY, v frozen<a>")}`;
    expect(difference(of("x int"), of("x int, y text"))).toBeUndefined();
    expect(difference(of("x int, y text"), of("x int"))).toContain("type a");
    expect(difference(of("x int"), of("x text"))).toContain("type a");
  });

  it("where one schema is not known", () => {
    expect(difference("", table("k int PRIMARY KEY"))).toBeUndefined();
    expect(difference(table("k int PRIMARY KEY"), "/* no CQL */")).toBeUndefined();
  });
});

describe("a target table does not take the data of the backup", () => {
  const clustered = (order: string) =>
    table("k int, c int, PRIMARY KEY (k, c)", `${id} AND CLUSTERING ORDER BY (${order})`);
  it.each([
    ["another key type", table("k int PRIMARY KEY"), table("k text PRIMARY KEY"), "(k text), in the backup (k int)"],
    ["a clustering key", table("k int, c int, PRIMARY KEY (k, c)"), table("k int, c int, PRIMARY KEY ((k, c))"), "key"],
    ["another order", clustered("c DESC"), clustered("c ASC"), "in the backup (k int), c int DESC"],
    ["another column type", table("k int PRIMARY KEY, v int"), table("k int PRIMARY KEY, v text"), "column v is text"],
    [
      "a static column",
      table("k int, c int, v int static, PRIMARY KEY (k, c)"),
      table("k int, c int, v int, PRIMARY KEY (k, c)"),
      "v int static",
    ],
    ["a missing column", table("k int PRIMARY KEY, v int"), table("k int PRIMARY KEY"), "never had the column v int"],
    [
      "swapped keys of another table",
      table("a int, b int, PRIMARY KEY ((a, b))"),
      table("a int, b int, PRIMARY KEY ((b, a))", otherId),
      "primary key",
    ],
  ])("with %s", (_, backup, target, what) => {
    expect(difference(backup, target)).toContain(what);
  });
});
