import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatEntities, includesTable, parseEntities } from "./entities.ts";
import { checkRenames, parseRename } from "./rename.ts";

const table = (keyspace: string, name: string) => ({ keyspace, table: name });

describe("parseEntities", () => {
  it("takes nothing for everything", () => {
    expect(parseEntities("")).toEqual({ kind: "all" });
    expect(parseEntities(" ")).toEqual({ kind: "all" });
  });

  it("reads keyspaces, and duplicates once", () => {
    expect(parseEntities("ks1, ks2,ks1")).toEqual({ kind: "keyspaces", keyspaces: ["ks1", "ks2"] });
  });

  it("reads tables, and duplicates once", () => {
    const tables = [table("ks1", "t1"), table("ks2", "T_2")];
    expect(parseEntities("ks1.t1,ks2.T_2,ks1.t1")).toEqual({ kind: "tables", tables });
  });

  it.each([
    ["ks1,ks2.t", "mixes keyspaces and tables"],
    ["ks1,,ks2", "empty part"],
    ["ks1,", "empty part"],
    [",", "empty part"],
    ["ks1.", "'ks1.' is neither"],
    [".t", "'.t' is neither"],
    ["a.b.c", "'a.b.c' is neither"],
    ["ks-1", "'ks-1' is neither"],
    ["ks 1", "'ks 1' is neither"],
    ['"Ks"', "is neither"],
    ["../x", "is neither"],
  ])("refuses '%s'", (text, complaint) => {
    expect(() => parseEntities(text)).toThrow(complaint);
  });

  it("takes back what it writes", () => {
    const name = fc.stringMatching(/^\w{1,8}$/);
    const list = fc.oneof(fc.uniqueArray(name), fc.uniqueArray(fc.tuple(name, name).map((pair) => pair.join("."))));
    fc.assert(
      fc.property(list, (parts) => {
        expect(formatEntities(parseEntities(parts.join(",")))).toBe(parts.join(","));
      }),
    );
  });

  it("knows which tables are meant", () => {
    expect(includesTable(parseEntities(""), table("system", "local"))).toBe(true);
    expect(includesTable(parseEntities("ks"), table("ks", "t"))).toBe(true);
    expect(includesTable(parseEntities("ks"), table("ks2", "t"))).toBe(false);
    expect(includesTable(parseEntities("ks.t"), table("ks", "t"))).toBe(true);
    expect(includesTable(parseEntities("ks.t"), table("ks", "t2"))).toBe(false);
  });
});

describe("renaming", () => {
  const check = (renames: readonly string[], entities: string) => () =>
    checkRenames(renames.map(parseRename), parseEntities(entities));

  it("reads from and to", () => {
    expect(parseRename("ks.a=ks2.b")).toEqual({ from: table("ks", "a"), to: table("ks2", "b") });
  });

  it.each(["ks.a", "ks.a=", "=ks.b", "a=b", "ks.a=ks.b=ks.c", "ks.a=b", ""])("refuses '%s'", (text) => {
    expect(() => parseRename(text)).toThrow("is not a renaming");
  });

  it.each([
    [["ks.a=ks.b"], "ks.a"],
    [["ks.a=ks.b", "ks.c=ks.d"], "ks.a,ks.c"],
    [["ks.a=other.a"], "ks"],
    [[], ""],
  ])("allows %j of '%s'", (renames, entities) => {
    expect(check(renames, entities)).not.toThrow();
  });

  it.each([
    [["ks.a=ks.b"], "", "only when the entities are named"],
    [["ks.a=ks.b"], "ks.c", "ks.a is to be renamed but is not among the entities"],
    [["ks.a=ks.b"], "other", "ks.a is to be renamed but is not among the entities"],
    [["ks.a=ks.b"], "ks.a,ks.b", "ks.b is the target of a renaming and among the entities"],
    [["ks.a=ks.b"], "ks", "ks.b is the target of a renaming and among the entities"],
    [["ks.a=ks.a"], "ks.a", "ks.a is the target of a renaming and among the entities"],
    [["ks.a=ks.c", "ks.b=ks.c"], "ks.a,ks.b", "ks.c is the target of two renamings"],
    [["ks.a=ks.c", "ks.a=ks.d"], "ks.a", "ks.a is renamed twice"],
  ])("refuses %j of '%s'", (renames, entities, complaint) => {
    expect(check(renames, entities)).toThrow(complaint);
  });
});
