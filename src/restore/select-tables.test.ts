import { describe, expect, it } from "vitest";
import { requestOf } from "../../test/harness/request-of.ts";
import type { Manifest } from "../repository/repository.ts";
import { selectTables } from "./select-tables.ts";

const content = { id: "0978d800e67611f19a07dbe54d2f2ac2", sstables: {} };

function manifestOf(...names: readonly string[]): Manifest {
  const keyspaces = Map.groupBy(names, (name) => name.split(".")[0] ?? "");
  const entries = [...keyspaces].map(([keyspace, tables]) => {
    const named = tables.map((name) => [name.split(".")[1] ?? "", content] as const);
    return [keyspace, { tables: Object.fromEntries(named) }] as const;
  });
  return { snapshot: { name: "n", keyspaces: Object.fromEntries(entries) }, tokens: [], schemaVersion: "v", size: 0 };
}

const whole = manifestOf(
  "ks.t",
  "ks.u",
  "other.t",
  "system.local",
  "system_schema.tables",
  "system_auth.roles",
  "system_distributed.x",
  "system_traces.events",
);

function select(flags: Readonly<Record<string, string | readonly string[]>>, manifest = whole): string[] {
  const request = requestOf("restore", { "storage-location": "s3://b/c/d/n", "snapshot-tag": "s", ...flags });
  return selectTables(manifest, request).map(({ keyspace, table, target }) => {
    const name = `${keyspace}.${table}`;
    return target.keyspace === keyspace && target.table === table ? name : `${name}=${target.keyspace}.${target.table}`;
  });
}

describe("the tables to restore", () => {
  it("are all but the system's when none are named", () => {
    expect(select({})).toEqual(["ks.t", "ks.u", "other.t"]);
  });

  it("are the keyspaces or the tables named", () => {
    expect(select({ entities: "ks" })).toEqual(["ks.t", "ks.u"]);
    expect(select({ entities: "ks.u,other.t" })).toEqual(["ks.u", "other.t"]);
  });

  it("are with system keyspaces where the flags ask for them", () => {
    expect(select({ "restore-system-auth": "true" })).toEqual(["ks.t", "ks.u", "other.t", "system_auth.roles"]);
    expect(select({ "restore-into-new-cluster": "true" })).toEqual(["ks.t", "ks.u", "other.t", "system_schema.tables"]);
    expect(select({ "restore-system-keyspace": "true" })).toHaveLength(8);
    expect(select({ entities: "ks.t", "restore-system-auth": "true" })).toEqual(["ks.t", "system_auth.roles"]);
    expect(select({ entities: "system_auth.roles", "restore-system-auth": "true" })).toEqual(["system_auth.roles"]);
  });

  it("may go by another name", () => {
    expect(select({ entities: "ks.t,ks.u", rename: ["ks.t=ks.v"] })).toEqual(["ks.t=ks.v", "ks.u"]);
  });
});

describe("materialized views", () => {
  const view = "CREATE MATERIALIZED VIEW ks.v AS SELECT * FROM ks.t WHERE k IS NOT NULL PRIMARY KEY (v, k);";
  const tables = { t: content, u: content, v: { ...content, schemaContent: view } };
  const manifest: Manifest = { ...whole, snapshot: { name: "n", keyspaces: { ks: { tables } } } };

  it("are restored with their table, once", () => {
    for (const entities of ["", "ks", "ks.t,ks.u", "ks.t,ks.u,ks.v"]) {
      expect(select({ entities }, manifest).sort()).toEqual(["ks.t", "ks.u", "ks.v"]);
    }
    expect(select({ entities: "ks.u" }, manifest)).toEqual(["ks.u"]);
  });

  it("are not restored with a table of another name, and can have one themselves", () => {
    expect(select({ entities: "ks.t", rename: ["ks.t=ks.x"] }, manifest)).toEqual(["ks.t=ks.x"]);
    expect(select({ entities: "ks.v", rename: ["ks.v=ks.x"] }, manifest)).toEqual(["ks.v=ks.x"]);
  });

  it("are refused without their table", () => {
    for (const flags of [{ entities: "ks.v" }, { entities: "ks.t,ks.v", rename: ["ks.t=ks.x"] }]) {
      expect(() => select(flags, manifest)).toThrow(
        expect.objectContaining({ code: "usage", hint: expect.stringContaining("select ks.t") }),
      );
    }
  });
});

describe("what cannot be restored is refused", () => {
  it("a selected table with two objects for one file", () => {
    const entries = ["1-2", "1-3"].map((version) => {
      return { objectKey: `data/ks/t-${content.id}/${version}/nb-1-big-Data.db`, type: "FILE" } as const;
    });
    const doubled = { tables: { t: { ...content, sstables: { "nb-1-big": entries } }, u: content } };
    const manifest = { ...whole, snapshot: { name: "n", keyspaces: { ks: doubled } } };
    expect(() => select({}, manifest)).toThrow("the backup has two SSTables nb-1-big of ks.t, and one path for both");
    expect(select({ entities: "ks.u" }, manifest)).toEqual(["ks.u"]);
  });

  it.each([
    [{ entities: "nope" }, "not-found", "keyspace 'nope' is not in the backup", "it has ks, other"],
    [{ entities: "ks.nope" }, "not-found", "table 'ks.nope' is not in the backup", "it has t, u"],
    [{ entities: "constructor" }, "not-found", "keyspace 'constructor' is not in the backup", "it has ks"],
    [{ entities: "ks.toString" }, "not-found", "table 'ks.toString' is not in the backup", "it has t, u"],
    [{ entities: "__proto__.x" }, "not-found", "keyspace '__proto__' is not in the backup", "it has ks"],
    [{ entities: "system" }, "usage", "'system' is a system keyspace", "--restore-system-keyspace"],
    [
      { entities: "system_auth.roles", "restore-into-new-cluster": "true" },
      "usage",
      "'system_auth' is a system keyspace",
      "--restore-system-auth",
    ],
  ] as const)("%j", (flags, code, message, hint) => {
    expect(() => select(flags)).toThrow(
      expect.objectContaining({ code, message, hint: expect.stringContaining(hint) }),
    );
  });

  it("a backup of system tables alone, unless they are asked for", () => {
    const system = manifestOf("system.local", "system_auth.roles");
    expect(() => select({}, system)).toThrow(expect.objectContaining({ code: "not-found" }));
    expect(() => select({}, manifestOf())).toThrow(expect.objectContaining({ code: "not-found" }));
    expect(select({ "restore-system-keyspace": "true" }, system)).toEqual(["system.local", "system_auth.roles"]);
  });
});
