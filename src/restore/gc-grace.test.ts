import { describe, expect, it } from "vitest";
import { gcGraceWarning } from "./gc-grace.ts";
import type { SelectedTable } from "./select-tables.ts";

const day = 86_400_000;

function table(name: string, gcGraceSeconds: number | undefined, keyspace = "ks"): SelectedTable {
  const schemaContent =
    gcGraceSeconds === undefined
      ? undefined
      : `CREATE TABLE ks.t (k int PRIMARY KEY) WITH ID = x AND gc_grace_seconds = ${gcGraceSeconds};`;
  const content = { id: "0978d800e67611f19a07dbe54d2f2ac2", sstables: {}, schemaContent };
  return { keyspace, table: name, content, target: { keyspace, table: name } };
}

function warning(ageMs: number, tables: readonly SelectedTable[], phase?: "download" | "import" | "cleanup") {
  return gcGraceWarning({ request: { phase }, selected: tables, createdMs: 1000, nowMs: 1000 + ageMs });
}

describe("a backup older than gc_grace_seconds", () => {
  it("is warned about with the tables that it concerns", () => {
    const tables = [table("t", 864_000), table("u", 86_400), table("v", 3600)];
    expect(warning(9 * day, tables)).toContain("ks.u and 1 more");
    expect(warning(11 * day, tables, "download")).toContain("ks.t and 2 more");
    expect(warning(11 * day, [table("t", 864_000)])).toContain("gc_grace_seconds of ks.t:");
  });

  it("is not warned about otherwise, nor again in later phases", () => {
    expect(warning(9 * day, [table("t", 864_000)])).toBeUndefined();
    expect(warning(-day, [table("t", 0)])).toBeUndefined();
    expect(warning(99 * day, [table("t", undefined), table("t", 0, "system_auth")])).toBeUndefined();
    expect(warning(99 * day, [table("t", 1)], "import")).toBeUndefined();
    expect(warning(99 * day, [table("t", 1)], "cleanup")).toBeUndefined();
  });
});
