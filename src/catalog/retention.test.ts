import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BackupTables, covers, mustKeep } from "./retention.ts";

const schema = "aggregates columns dropped_columns functions indexes keyspaces tables triggers types views".split(" ");
const tables = (content: Readonly<Record<string, readonly string[]>>): BackupTables =>
  new Map(Object.entries(content).map(([keyspace, names]) => [keyspace, new Set(names)]));

describe("a newer backup", () => {
  const full = tables({ system_schema: schema, shop: ["orders", "items"], bank: ["accounts"] });

  it.each<[string, boolean, BackupTables]>([
    ["of the same tables covers", true, full],
    ["of more tables covers", true, new Map([...full, ["new", new Set(["t"])]])],
    [
      "of whole keyspaces without a dropped table covers",
      true,
      tables({ system_schema: schema, shop: ["items"], bank: [] }),
    ],
    ["of one table does not cover", false, tables({ shop: ["orders"] })],
    ["of some keyspaces does not cover", false, tables({ system_schema: schema, shop: ["orders", "items"] })],
    ["of the schema alone does not cover", false, tables({ system_schema: schema })],
    [
      "of all tables but one, without the schema, does not cover",
      false,
      tables({ shop: ["orders", "items"], bank: [] }),
    ],
  ])("%s a full one", (_, expected, newer) => {
    expect(covers(newer, full)).toBe(expected);
  });

  it("whose tables are unknown covers none, and is itself kept", () => {
    expect(mustKeep(full, [undefined])).toBe(true);
    expect(mustKeep(undefined, [full])).toBe(true);
    expect(mustKeep(full, [undefined, full])).toBe(false);
  });
});

describe("whatever the backups hold", () => {
  const names = fc.subarray(["a", "b", "c"]);
  const backup = fc
    .record({ system_schema: fc.constantFrom(schema, schema.slice(1), []), shop: names, bank: names })
    .map((content) => tables(Object.fromEntries(Object.entries(content).filter(([, list]) => list.length > 0))));

  it("coverage is reflexive and transitive", () => {
    fc.assert(
      fc.property(backup, backup, backup, (a, b, c) => {
        expect(covers(a, a)).toBe(true);
        if (covers(a, b) && covers(b, c)) expect(covers(a, c)).toBe(true);
      }),
    );
  });

  it("each removed backup is covered by one that is kept, and the newest is kept", () => {
    fc.assert(
      fc.property(fc.array(backup, { minLength: 1, maxLength: 8 }), (newestFirst) => {
        const kept = newestFirst.filter((each, index) => mustKeep(each, newestFirst.slice(0, index)));
        expect(kept[0]).toBe(newestFirst[0]);
        for (const each of newestFirst) expect(kept.some((other) => covers(other, each))).toBe(true);
      }),
    );
  });
});
