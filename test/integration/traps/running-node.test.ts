/** IMPORT and HARDLINKS: names that are taken, renamed tables, changed columns, phases one by one. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CassandraNode, type NodeKind, useCassandra } from "../../harness/cassandra.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { usual } from "./kinds.ts";

const strategies = ["IMPORT", "HARDLINKS"] as const;

async function prepare(kind: NodeKind = usual) {
  const node = await useCassandra(kind);
  const operator = await Operator.of(node);
  return { node, operator, keyspace: await node.keyspace() };
}

const phase = (name: string) => ["--restoration-phase-type", name];
const strategy = (name: string) => ["--restoration-strategy-type", name];

describe("a renamed table", () => {
  it.each(strategies)("is filled with %s, and the one it is a copy of is not touched", async (how) => {
    const { node, operator, keyspace } = await prepare();
    const a = await createTable(node, keyspace, "a", 50);
    const b = await createTable(node, keyspace, "b", 5);
    const expected = await rowsOf(node.cql, a);
    await operator.backup("base", "--entities", a);
    await fill(node.cql, a, 50, 60, "newer");
    const untouched = await rowsOf(node.cql, a);
    const before = await filesOf(operator, keyspace, "a-");
    await operator.restore("base", "--entities", a, "--rename", `${a}=${b}`, ...strategy(how));
    expect(await rowsOf(node.cql, b)).toEqual(expected);
    expect(await rowsOf(node.cql, a)).toEqual(untouched);
    expect(await filesOf(operator, keyspace, "a-")).toEqual(before);
    expect(await operator.snapshots()).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/^truncated-.*-[ab]$/)]),
    );
    const missing = ["--rename", `${a}=${keyspace}.nobody`, ...strategy(how)];
    await fails("not-found", operator.restoreCommand("base", "--entities", a, ...missing));
  });
});

async function filesOf(operator: Operator, keyspace: string, table: string) {
  return new Map([...(await operator.liveFiles(keyspace))].filter(([path]) => path.includes(`/${table}`)));
}

describe("phases one by one", () => {
  it.each(strategies)("with %s each do their own part and no other", async (how) => {
    const { node, operator, keyspace } = await prepare();
    const table = await createTable(node, keyspace, "stepwise", 50);
    const expected = await rowsOf(node.cql, table);
    await operator.backup("base", "--entities", keyspace);
    await fill(node.cql, table, 50, 60, "newer");
    const newer = await rowsOf(node.cql, table);
    const snapshots = await operator.snapshots();
    const common = ["--entities", keyspace, ...strategy(how)];
    const step = (name: string, ...more: string[]) => operator.restore("base", ...common, ...phase(name), ...more);

    await step("init");
    expect(await operator.restoreLeftovers()).toEqual([]);
    for (const early of ["truncate", "import"]) {
      const { hint } = await fails("not-found", operator.restoreCommand("base", ...common, ...phase(early)));
      expect(hint).toContain("download");
    }
    expect(await rowsOf(node.cql, table)).toEqual(newer);
    const first = await step("download");
    expect(first["fetched"]).not.toMatchObject({ files: 0 });
    expect(await step("download")).toMatchObject({ fetched: { files: 0 }, reused: first["fetched"] });
    expect(await rowsOf(node.cql, table)).toEqual(newer);
    await step("truncate");
    expect(await rowsOf(node.cql, table)).toEqual([]);
    await step("import");
    expect(await rowsOf(node.cql, table)).toEqual(expected);
    expect(await operator.restoreLeftovers()).not.toEqual([]);
    await step("cleanup", "--restoration-no-delete-truncates", "--restoration-no-delete-downloads");
    expect(await operator.restoreLeftovers()).not.toEqual([]);
    expect((await operator.snapshots()).filter((name) => !snapshots.includes(name))).toHaveLength(1);
    // What was downloaded serves another restore, and no download is needed for it.
    await fill(node.cql, table, 50, 60, "newest");
    const again = await operator.restore("base", ...common, "--restoration-no-download-data");
    expect(again).toMatchObject({ fetched: { files: 0 }, reused: first["fetched"] });
    expect(await rowsOf(node.cql, table)).toEqual(expected);
    expect(await operator.restoreLeftovers()).toEqual([]);
    // The truncate snapshot that was to be kept is still there, the later one's is not.
    expect((await operator.snapshots()).filter((name) => !snapshots.includes(name))).toHaveLength(1);
    await fails("not-found", operator.restoreCommand("base", ...common, "--restoration-no-download-data"));
    expect(await rowsOf(node.cql, table)).toEqual(expected);
  });
});

describe("--dry-run", () => {
  it("of a backup and of restores touches neither the node nor the store", async () => {
    const { node, operator, keyspace } = await prepare();
    const table = await createTable(node, keyspace, "dry", 50);
    await operator.backup("base", "--entities", keyspace);
    await fill(node.cql, table, 50, 60, "newer");
    const before = await traces(node, operator, keyspace);
    const plan = await operator.backup("planned", "--entities", keyspace, "--dry-run");
    expect(plan).toMatchObject({ type: "plan", send: { files: 0 }, tableCount: 1 });
    for (const how of strategies) {
      const report = await operator.restore("base", "--entities", keyspace, "--dry-run", ...strategy(how));
      expect(report).toMatchObject({ dryRun: true, strategy: how });
      expect(report["fetched"]).not.toMatchObject({ files: 0 });
    }
    expect(await traces(node, operator, keyspace)).toEqual(before);
    await node.stop();
    const stopped = await traces(node, operator, keyspace);
    const inPlace = ["--entities", keyspace, ...strategy("IN_PLACE")];
    expect(await operator.restore("base", ...inPlace, "--dry-run")).toMatchObject({ strategy: "IN_PLACE" });
    expect(await traces(node, operator, keyspace)).toEqual(stopped);
    await fails("unreachable", operator.restoreCommand("base", "--entities", keyspace));
    expect(await traces(node, operator, keyspace)).toEqual(stopped);
    await operator.restore("base", ...inPlace);
    await node.start();
    const setAside = await operator.restoreLeftovers();
    const cleanUp = [...inPlace, "--restoration-phase-type", "cleanup"];
    await operator.restore("base", "--dry-run", ...cleanUp);
    expect(await operator.restoreLeftovers()).toEqual(setAside);
    await operator.restore("base", ...cleanUp);
    expect(await operator.restoreLeftovers()).toEqual([]);
  });
});

/** Every path of a keyspace, beside the data and in the store, with what would change if it were written. */
async function traces(node: CassandraNode, operator: Operator, keyspace: string): Promise<readonly string[]> {
  const found: string[] = [];
  const [data = ""] = node.sandbox.dataDirectories;
  const watched = [join(data, keyspace), join(operator.bucket, "..")];
  for (const directory of watched) {
    for (const entry of ["", ...(await readdir(directory, { recursive: true }))].sort()) {
      const { mtimeMs, size, ino } = await stat(join(directory, entry));
      found.push(`${directory}/${entry} ${ino} ${size} ${mtimeMs}`);
    }
  }
  return [...found, ...(await readdir(join(data, ".."))).sort()];
}

/** Two tables alike, one for each strategy, so that the node is restarted once for both. */
async function importOverOtherRows(kind: NodeKind): Promise<void> {
  const { node, operator, keyspace } = await prepare(kind);
  const all = new Map<string, string[]>();
  for (const how of strategies) {
    const table = await createTable(node, keyspace, how.toLowerCase(), 50);
    if (kind.version !== "5.0") await node.cql.execute(`CREATE INDEX ON ${table} (v)`);
    all.set(table, await rowsOf(node.cql, table));
  }
  const named = (how: string) => ["--entities", `${keyspace}.${how.toLowerCase()}`, ...strategy(how)];
  await operator.backup("base", "--entities", keyspace);
  // One import source each, as one restore's cleanup would take away what the other needs.
  const source = new Map<string, string>();
  for (const how of strategies) {
    source.set(how, join(node.sandbox.directory, `source-${how}`));
    await operator.restore("base", ...named(how), "--import-source-dir", source.get(how) ?? "", ...phase("download"));
  }
  // An index that is younger than the backup is built when the SSTables come in, beside them.
  if (kind.version === "5.0") {
    for (const table of all.keys()) await node.cql.execute(`CREATE INDEX ON ${table} (v) USING 'sai'`);
  }
  // The generations start over when a node with an empty table starts.
  for (const table of all.keys()) await node.cql.execute(`TRUNCATE ${table}`);
  await node.restart();
  for (const [table, rows] of all) {
    await fill(node.cql, table, 100, 150);
    all.set(table, [...rows, ...(await rowsOf(node.cql, table))].sort());
  }
  await operator.backup("flush", "--entities", keyspace);
  for (const how of strategies) {
    const table = `${keyspace}.${how.toLowerCase()}`;
    const common = [...named(how), "--import-source-dir", source.get(how) ?? ""];
    for (let time = 1; time <= 2; time += 1) {
      await operator.restore("base", ...common, ...phase("import"));
      expect(await rowsOf(node.cql, table), `import ${time} with ${how}`).toEqual(all.get(table));
    }
    await operator.restore("base", ...common, ...phase("cleanup"));
  }
  if (kind === usual) await node.restart("KILL");
  for (const [table, rows] of all) {
    expect(await rowsOf(node.cql, table)).toEqual(rows);
    const { rows: found } = await node.cql.execute(`SELECT k FROM ${table} WHERE v = 'value 7'`);
    expect(found.map((row) => row.get("k"))).toEqual([7]);
  }
}

/** Restores a backup into a table that has lost one column and won another since. */
async function restoreOverDrift(kind: NodeKind): Promise<void> {
  const { node, operator, keyspace } = await prepare(kind);
  const table = `${keyspace}.drifted`;
  await node.cql.execute(`CREATE TABLE ${table} (k int PRIMARY KEY, v text, gone int)`);
  for (let k = 0; k < 20; k += 1) {
    await node.cql.execute(`INSERT INTO ${table} (k, v, gone) VALUES (?, ?, ?)`, [k, `value ${k}`, k]);
  }
  await operator.backup("base", "--entities", keyspace);
  await node.cql.execute(`ALTER TABLE ${table} DROP gone`);
  await node.cql.execute(`ALTER TABLE ${table} ADD added int`);
  await node.cql.execute(`INSERT INTO ${table} (k, v, added) VALUES (?, ?, ?)`, [100, "later", 1]);
  await operator.restore("base", "--entities", keyspace, ...strategy("IMPORT"));
  const { rows } = await node.cql.execute(`SELECT k, v, added FROM ${table}`);
  expect(rows.map((row) => [row.get("k"), row.get("v"), row.get("added")]).sort((a, b) => a[0] - b[0])).toEqual(
    Array.from({ length: 20 }, (_, k) => [k, `value ${k}`, null]),
  );
}

describe.each([usual, { version: "4.0" } as const])("Cassandra $version", (kind) => {
  it("takes an import over a table that is not empty, whatever names its files have, and twice over", () =>
    importOverOtherRows(kind));

  it("takes an import of a table that has other columns by now", () => restoreOverDrift(kind));
});
