import { chmod, chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { LiveRestoreFixture, tableId } from "../../../test/harness/live-restore.ts";
import { AppError } from "../../errors.ts";

let fixture: LiveRestoreFixture;

beforeEach(async () => {
  fixture = await LiveRestoreFixture.create();
});

afterEach(() => fixture[Symbol.asyncDispose]());

const phase = (name: string) => ({ "restoration-phase-type": name });
const strategies = ["IMPORT", "HARDLINKS"] as const;

/** Fails the import of one table as a node does. */
function failImportOf(table: string): void {
  fixture.node.before = (call) => {
    const names = [`importNewSSTables ${table}`, `loadNewSSTables ${table.replace(".", " ")}`];
    if (names.includes(call)) throw new AppError("node-refused", "the disk failed");
  };
}

describe.each(strategies)("cleanup after %s", (strategy) => {
  const how = { "restoration-strategy-type": strategy };
  const backedUp = { t: { "nb-1-big-Data.db": "t 1" }, u: { "nb-1-big-Data.db": "u 1" } };

  beforeEach(async () => {
    await fixture.backUp(backedUp);
    for (const table of ["ks.t", "ks.u"]) await writeTree(fixture.node.path(table), { "nb-9-big-Data.db": "newer" });
  });

  const staged = async () => Object.keys(await readTree(join(fixture.directory.path, "esop-restore"))).sort();

  it("is refused until every table was imported, and deletes nothing", async () => {
    failImportOf("ks.u");
    await expect(fixture.restore(how)).rejects.toMatchObject({ code: "node-refused" });
    const before = await staged();
    for (const flags of [phase("cleanup"), { ...phase("cleanup"), entities: "ks.t" }]) {
      await expect(fixture.restore({ ...how, ...flags })).rejects.toMatchObject({
        code: "node-state",
        message: "the import of ks.u is not complete",
        hint: expect.stringContaining("--restoration-force-cleanup"),
      });
    }
    expect(await staged()).toEqual(before);
    for (const table of ["ks.t", "ks.u"]) expect(await fixture.node.snapshots(table)).toHaveLength(1);
    fixture.node.before = () => undefined;
    await fixture.restore({ ...how, ...phase("import") });
    await fixture.restore({ ...how, ...phase("cleanup") });
    expect(await staged()).toEqual([]);
    for (const table of ["ks.t", "ks.u"]) expect(await fixture.node.snapshots(table)).toEqual([]);
  });

  it("is refused between truncate and import", async () => {
    for (const name of ["download", "truncate"]) await fixture.restore({ ...how, ...phase(name) });
    await expect(fixture.restore({ ...how, ...phase("cleanup") })).rejects.toMatchObject({ code: "node-state" });
    await fixture.restore({ ...how, ...phase("import"), entities: "ks.t" });
    await expect(fixture.restore({ ...how, ...phase("cleanup") })).rejects.toMatchObject({
      message: "the import of ks.u is not complete",
    });
  });

  it("by force keeps the snapshot of a table that was not imported", async () => {
    failImportOf("ks.u");
    await expect(fixture.restore(how)).rejects.toMatchObject({ code: "node-refused" });
    await fixture.restore({ ...how, ...phase("cleanup"), "restoration-force-cleanup": "true" });
    expect(await staged()).toEqual([]);
    expect(await fixture.node.snapshots("ks.t")).toEqual([]);
    const [kept = "", ...others] = await fixture.node.snapshots("ks.u");
    expect(others).toEqual([]);
    expect(Object.values(await readTree(join(fixture.node.path("ks.u"), "snapshots", kept)))).toContain("newer");
    expect(fixture.warnings.join()).toContain(kept);
  });

  it("of downloads alone needs no import", async () => {
    await fixture.restore({ ...how, ...phase("download") });
    await fixture.restore({ ...how, ...phase("cleanup") });
    expect(await staged()).toEqual([]);
  });

  it("requires an import where an earlier version left a journal that says nothing of imports", async () => {
    await fixture.restore({ ...how, ...phase("download") });
    const [file = ""] = await staged();
    const journal = join(fixture.directory.path, "esop-restore", file.split("/")[0] ?? "", "live-journal.json");
    await writeFile(journal, JSON.stringify({ before: { "ks.t": [] } }));
    await expect(fixture.restore({ ...how, ...phase("cleanup") })).rejects.toMatchObject({
      message: "the import of ks.t is not complete",
    });
  });
});

describe.each(strategies)("before truncate, %s", (strategy) => {
  const how = { "restoration-strategy-type": strategy };
  it.each([
    ["4.1.10", "da-1-bti-Data.db"],
    ["4.0.19", "oa-1-big-Data.db"],
  ])("refuses SSTables that Cassandra %s does not read: %s", async (version, file) => {
    fixture.node.releaseVersion = version;
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" }, u: { [file]: "u 1" } });
    for (const flags of [{}, { "dry-run": "true" }, phase("init"), phase("download")]) {
      await expect(fixture.restore({ ...how, ...flags })).rejects.toMatchObject({
        code: "unsupported",
        message: expect.stringContaining(file),
      });
    }
    expect(fixture.node.calls).toEqual([]);
    await fixture.restore({ ...how, entities: "ks.t" });
  });
});

describe("before truncate, IMPORT", () => {
  it("refuses a staging directory that the node does not see", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" } });
    await writeTree(fixture.node.path("ks.t"), { "nb-9-big-Data.db": "newer" });
    fixture.node.sees = () => false;
    for (const flags of [{}, phase("download"), phase("truncate")]) {
      await expect(fixture.restore(flags)).rejects.toMatchObject({
        code: "node-refused",
        hint: expect.stringContaining("--import-source-dir"),
      });
    }
    expect(fixture.node.calls.filter((call) => call.startsWith("truncate"))).toEqual([]);
    fixture.node.sees = () => true;
    await fixture.restore();
    expect(await readTree(join(fixture.directory.path, "esop-restore"))).toEqual({});
  });
});

describe("before download and before truncate, the schema of the node", () => {
  const truncates = () => fixture.node.calls.filter((call) => call.startsWith("truncate"));
  const view =
    "CREATE MATERIALIZED VIEW ks.v AS SELECT * FROM ks.t WHERE k IS NOT NULL PRIMARY KEY (v, k) WITH ID = 1;";

  it("must take the columns of the backup", async () => {
    await fixture.backUp(
      { t: { "nb-1-big-Data.db": "t 1" } },
      { schema: { t: "CREATE TABLE ks.t (k int PRIMARY KEY, v int);" } },
    );
    for (const flags of [{}, phase("download"), { entities: "ks.t", rename: "ks.t=ks.u" }]) {
      await expect(fixture.restore(flags)).rejects.toMatchObject({
        code: "node-state",
        message: expect.stringContaining("its column v is text, in the backup v int"),
      });
    }
    expect(truncates()).toEqual([]);
    expect(await fixture.node.snapshots("ks.t")).toEqual([]);
  });

  it("may change between the phases", async () => {
    await fixture.backUp(
      { t: { "nb-1-big-Data.db": "t 1" } },
      { schema: { t: "CREATE TABLE ks.t (k int PRIMARY KEY, v text);" } },
    );
    await fixture.restore(phase("download"));
    await fixture.node.createTable("ks.t", {
      id: tableId("t"),
      cql: "CREATE TABLE ks.t (k text PRIMARY KEY, v text);",
    });
    await expect(fixture.restore(phase("truncate"))).rejects.toMatchObject({ code: "node-state" });
    expect(truncates()).toEqual([]);
  });

  it("must not have a view of a restored table that the backup does not have", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" }, u: { "nb-1-big-Data.db": "u 1" } });
    await fixture.node.createTable("ks.v", { id: tableId("v"), cql: view });
    for (const flags of [{}, { entities: "ks.u", rename: "ks.u=ks.t" }]) {
      await expect(fixture.restore(flags)).rejects.toMatchObject({
        code: "node-state",
        message: expect.stringContaining("ks.v"),
        hint: expect.stringContaining("drop ks.v"),
      });
    }
    expect(truncates()).toEqual([]);
    await fixture.restore({ entities: "ks.u" });
  });

  it("has a view of the backup, which is restored with its table, or not at all", async () => {
    const files = { "nb-1-big-Data.db": "x" };
    await fixture.backUp({ t: files, v: files }, { schema: { v: view } });
    expect(await fixture.restore({ entities: "ks.t" })).toMatchObject({ fetched: { files: 1 } });
    await fixture.node.createTable("ks.v", { id: tableId("v"), cql: view });
    expect(await fixture.restore({ entities: "ks.t" })).toMatchObject({ fetched: { files: 2 } });
    expect(Object.values(await readTree(fixture.node.path("ks.v")))).toEqual(["x"]);
    await expect(fixture.restore({ entities: "ks.v" })).rejects.toMatchObject({ code: "usage" });
    await fixture.node.createTable("ks.v", { id: tableId("v"), cql: view.replace("(v, k)", "(k, v)") });
    await expect(fixture.restore({ entities: "ks.t" })).rejects.toMatchObject({ code: "node-state" });
  });
});

describe("a snapshot from before truncate", () => {
  const snapshotsOf = (table: string) => fixture.node.snapshots(table);

  beforeEach(async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" }, u: { "nb-1-big-Data.db": "u 1" } });
    await writeTree(fixture.node.path("ks.t"), { "nb-9-big-Data.db": "newer" });
  });

  it("exists without auto_snapshot until the cleanup, and its place is reported", async () => {
    fixture.node.autoSnapshot = false;
    for (const name of ["download", "truncate"]) await fixture.restore(phase(name));
    const [ours = "", ...others] = await snapshotsOf("ks.t");
    expect(others).toEqual([]);
    const path = join(fixture.node.path("ks.t"), "snapshots", ours);
    expect(await readTree(path)).toMatchObject({ "nb-9-big-Data.db": "newer" });
    expect(fixture.warnings).toEqual([expect.stringContaining(path)]);
    for (const name of ["import", "cleanup"]) await fixture.restore(phase(name));
    for (const table of ["ks.t", "ks.u"]) expect(await snapshotsOf(table)).toEqual([]);
  });

  it("is kept after the cleanup on request", async () => {
    fixture.node.autoSnapshot = false;
    await fixture.restore({ "restoration-no-delete-truncates": "true" });
    expect(await snapshotsOf("ks.t")).toHaveLength(1);
  });

  it("is Cassandra's own where it takes one", async () => {
    for (const name of ["download", "truncate"]) await fixture.restore(phase(name));
    expect(await snapshotsOf("ks.t")).toEqual([expect.stringMatching(/^truncated-/)]);
    expect(fixture.warnings).toEqual([]);
  });

  it("remains if truncate fails", async () => {
    fixture.node.before = (call) => {
      if (call === "truncate ks u") throw new AppError("node-refused", "a node is down");
    };
    await expect(fixture.restore()).rejects.toMatchObject({ code: "node-refused" });
    expect((await snapshotsOf("ks.t")).length).toBeGreaterThan(0);
    fixture.node.before = () => undefined;
    await fixture.restore();
    for (const table of ["ks.t", "ks.u"]) expect(await snapshotsOf(table)).toEqual([]);
  });
});

describe.each(strategies)("before truncate, downloads for %s", (strategy) => {
  it.runIf(process.geteuid?.() === 0)("must be readable by Cassandra's user", async () => {
    const how = { "restoration-strategy-type": strategy };
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" } });
    await fixture.restore({ ...how, ...phase("download") });
    const staged = join(fixture.directory.path, "esop-restore");
    const [file = ""] = Object.keys(await readTree(staged)).filter((path) => path.endsWith("-Data.db"));
    await chown(fixture.node.path("ks.t"), 1234, 1234);
    await chmod(join(staged, file), 0o600);
    await expect(fixture.restore({ ...how, ...phase("truncate") })).rejects.toMatchObject({
      code: "node-state",
      message: expect.stringContaining("user 1234"),
    });
    expect(fixture.node.calls.filter((call) => call.startsWith("truncate"))).toEqual([]);
    await chmod(join(staged, file), 0o644);
    await fixture.restore({ ...how, ...phase("truncate") });
  });
});

describe.each(strategies)("after the import, %s", (strategy) => {
  it("fails if Cassandra ignored an SSTable, and keeps the snapshot from before truncate", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1", "nb-2-big-Data.db": "t 2" } });
    await writeTree(fixture.node.path("ks.t"), { "nb-9-big-Data.db": "newer" });
    let seen = 0;
    fixture.node.recognizes = () => seen++ % 2 === 0;
    await expect(fixture.restore({ "restoration-strategy-type": strategy })).rejects.toMatchObject({
      code: "node-refused",
      message: "Cassandra did not load 1 of 2 SSTables of ks.t",
    });
    expect(await fixture.node.snapshots("ks.t")).toHaveLength(1);
    await expect(fixture.restore(phase("cleanup"))).rejects.toMatchObject({ code: "node-state" });
    fixture.node.recognizes = () => true;
    await fixture.restore({ "restoration-strategy-type": strategy });
    expect(Object.values(await readTree(fixture.node.path("ks.t"))).sort()).toEqual(["t 1", "t 2"]);
  });
});

describe("--dry-run", () => {
  it("counts only downloaded files as already present", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1", "nb-1-big-TOC.txt": "toc" } });
    expect(await fixture.restore({ "dry-run": "true" })).toMatchObject({
      fetched: { files: 2, bytes: 6 },
      reused: { files: 0, bytes: 0 },
    });
    expect(fixture.node.calls).toEqual([]);
    await fixture.restore({ "restoration-phase-type": "download" });
    expect(await fixture.restore({ "dry-run": "true" })).toMatchObject({
      fetched: { files: 0, bytes: 0 },
      reused: { files: 2, bytes: 6 },
    });
  });

  it("of the init phase counts the same", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" } });
    for (const flags of [{}, { "dry-run": "true" }]) {
      expect(await fixture.restore({ "restoration-phase-type": "init", ...flags })).toMatchObject({
        fetched: { files: 1, bytes: 3 },
        reused: { files: 0 },
      });
    }
  });
});
