/** IMPORT and HARDLINKS: names that are taken, renamed tables, changed columns, phases one by one. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";

const strategies = ["IMPORT", "HARDLINKS"] as const;

async function prepare(version: "5.0" | "4.0" = "5.0") {
  const node = await useCassandra({ version });
  const operator = await Operator.of(node);
  return { node, operator, keyspace: await node.keyspace() };
}

const phase = (name: string) => ["--restoration-phase-type", name];
const strategy = (name: string) => ["--restoration-strategy-type", name];

describe.each(["5.0", "4.0"] as const)("an import over a table that is not empty, Cassandra %s", (version) => {
  it.each(strategies)("with %s loses no row, whatever names the live directory has, and twice over", async (how) => {
    const { node, operator, keyspace } = await prepare(version);
    const table = await createTable(node, keyspace, "numbered", 50);
    await node.cql.execute(`CREATE INDEX ON ${table} (v)`);
    if (version === "5.0") {
      await node.cql
        .execute(`CREATE CUSTOM INDEX numbered_sai ON ${table} (k) USING 'StorageAttachedIndex'`)
        .catch(() => undefined);
    }
    const backedUp = await rowsOf(node.cql, table);
    await operator.backup("base", "--entities", keyspace);
    const named = ["--entities", keyspace, ...strategy(how)];
    await operator.restore("base", ...named, ...phase("download"));
    // The generations start over when a node with an empty table starts.
    await node.cql.execute(`TRUNCATE ${table}`);
    await node.restart();
    await fill(node.cql, table, 100, 150);
    await operator.backup("flush", "--entities", keyspace);
    const all = [...(await rowsOf(node.cql, table)), ...backedUp].sort();
    for (let time = 1; time <= 2; time += 1) {
      await operator.restore("base", ...named, ...phase("import"));
      expect(await rowsOf(node.cql, table), `import ${time}`).toEqual(all);
    }
    await operator.restore("base", ...named, ...phase("cleanup"));
    expect(await operator.restoreLeftovers()).toEqual([]);
    await node.restart("KILL");
    expect(await rowsOf(node.cql, table)).toEqual(all);
    const { rows } = await node.cql.execute(`SELECT k FROM ${table} WHERE v = 'value 7'`);
    expect(rows.map((row) => row.get("k"))).toEqual([7]);
  });
});

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

describe("columns added and dropped since the backup", () => {
  it.each(["5.0", "4.0"] as const)("do not keep IMPORT from restoring, Cassandra %s", async (version) => {
    const { node, operator, keyspace } = await prepare(version);
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
  });
});

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
    expect(await operator.restore("base", "--entities", keyspace, "--dry-run")).toMatchObject({ strategy: "IN_PLACE" });
    expect(await traces(node, operator, keyspace)).toEqual(stopped);
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
