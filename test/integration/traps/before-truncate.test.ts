/** Restores of running nodes whose schema, version or configuration is not that of the backup. */
import { describe, expect, it } from "vitest";
import { type NodeKind, useCassandra } from "../../harness/cassandra.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { rebuildIndex } from "../../harness/storage-service.ts";

const strategies = ["IMPORT", "HARDLINKS"] as const;
const strategy = (name: string) => ["--restoration-strategy-type", name];

async function prepare(kind: NodeKind) {
  const node = await useCassandra(kind);
  return { node, cql: node.cql, operator: await Operator.of(node), keyspace: await node.keyspace() };
}

describe.each(["5.0", "4.1", "4.0"] as const)("Cassandra %s", (version) => {
  it("has the rows of a materialized view again when its table is restored, and not those of later", async () => {
    const { cql, operator, keyspace } = await prepare({ version });
    const table = await createTable(operator.node, keyspace, "base", 50);
    const view = `${keyspace}.by_v`;
    const create = `CREATE MATERIALIZED VIEW ${view} AS SELECT * FROM ${table} WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)`;
    await cql.execute(create);
    await expect.poll(() => rowsOf(cql, view), { timeout: 60_000 }).toHaveLength(50);
    const expected = [await rowsOf(cql, table), await rowsOf(cql, view)];
    await operator.backup("base", "--entities", keyspace);
    for (const how of strategies) {
      await fill(cql, table, 40, 60, "newer");
      await operator.restore("base", "--entities", table, ...strategy(how));
      expect([await rowsOf(cql, table), await rowsOf(cql, view)], how).toEqual(expected);
    }
    await fails("usage", operator.restoreCommand("base", "--entities", view));
    await cql.execute(
      `CREATE MATERIALIZED VIEW ${keyspace}.later AS SELECT k, v FROM ${table} WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)`,
    );
    await fill(cql, table, 40, 60, "newer");
    const newer = await rowsOf(cql, table);
    const { hint } = await fails("node-state", operator.restoreCommand("base", "--entities", table));
    expect(hint).toContain(`drop ${keyspace}.later`);
    expect(await rowsOf(cql, table)).toEqual(newer);
    await cql.execute(`DROP MATERIALIZED VIEW ${keyspace}.later`);
    await cql.execute(`DROP MATERIALIZED VIEW ${view}`);
    await operator.restore("base", "--entities", table);
    expect(await rowsOf(cql, table)).toEqual(expected[0]);
  });

  it("builds an index that was created after the backup", async () => {
    const { cql, operator, keyspace } = await prepare({ version });
    const table = await createTable(operator.node, keyspace, "indexed", 50);
    await operator.backup("base", "--entities", keyspace);
    await cql.execute(`CREATE INDEX later ON ${table} (v)`);
    for (const how of strategies) {
      await operator.restore("base", "--entities", table, ...strategy(how));
      const { rows } = await cql.execute(`SELECT k FROM ${table} WHERE v = 'value 7'`);
      expect(
        rows.map((row) => row["k"]),
        how,
      ).toEqual([7]);
    }
  });

  it("fills an index that was created after the backup, by the printed command after IN_PLACE", async () => {
    const { node, operator, keyspace } = await prepare({ version });
    const table = await createTable(node, keyspace, "rebuilt", 50);
    await operator.backup("base", "--entities", keyspace);
    await node.cql.execute(`CREATE INDEX later ON ${table} (v)`);
    await node.stop();
    const { next } = await operator.restore("base", "--entities", table, ...strategy("IN_PLACE"));
    expect(next).toContain(`nodetool rebuild_index ${keyspace} rebuilt later`);
    await node.start();
    await rebuildIndex(node, keyspace, "rebuilt", "later");
    const { rows } = await node.cql.execute(`SELECT k FROM ${table} WHERE v = 'value 7'`);
    expect(rows.map((row) => row["k"])).toEqual([7]);
  });

  it("keeps the rows of a table whose columns are not those of the backup", async () => {
    const { cql, operator, keyspace } = await prepare({ version });
    const table = await createTable(operator.node, keyspace, "typed", 50);
    await operator.backup("base", "--entities", keyspace);
    await cql.execute(`DROP TABLE ${table}`);
    await cql.execute(`CREATE TABLE ${table} (k int PRIMARY KEY, v blob)`);
    await cql.execute(`CREATE TABLE ${keyspace}.other (k text PRIMARY KEY, v text)`);
    await cql.execute(`INSERT INTO ${table} (k, v) VALUES (1, 0x00)`);
    await cql.execute(`INSERT INTO ${keyspace}.other (k, v) VALUES ('a', 'b')`);
    const rename = ["--rename", `${table}=${keyspace}.other`];
    for (const flags of [[], rename, ["--restoration-phase-type", "download"]]) {
      const { message } = await fails("node-state", operator.restoreCommand("base", "--entities", table, ...flags));
      expect(message).toMatch(/its column v is blob|its primary key is \(k text\)/);
    }
    expect(await rowsOf(cql, table)).toHaveLength(1);
    expect(await rowsOf(cql, `${keyspace}.other`)).toHaveLength(1);
    expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
  });
});

it("without auto_snapshot, a snapshot of the truncated table exists until the cleanup", async () => {
  const { cql, operator, keyspace } = await prepare({ version: "5.0", yaml: { auto_snapshot: false } });
  const table = await createTable(operator.node, keyspace, "unsaved", 50);
  await operator.backup("base", "--entities", keyspace);
  await fill(cql, table, 50, 60, "newer");
  const snapshots = await operator.snapshots();
  for (const phase of ["download", "truncate"]) {
    await operator.restore("base", "--entities", table, "--restoration-phase-type", phase);
  }
  const taken = (await operator.snapshots()).filter((name) => !snapshots.includes(name));
  expect(taken).toEqual([expect.stringMatching(/^before-restore-\d+$/)]);
  for (const phase of ["import", "cleanup"]) {
    await operator.restore("base", "--entities", table, "--restoration-phase-type", phase);
  }
  expect(await rowsOf(cql, table)).toHaveLength(50);
  expect(await operator.snapshots()).toEqual(snapshots);
});

const newer: readonly (readonly [string, NodeKind, NodeKind])[] = [
  ["bti", { version: "5.0", sstableFormat: "bti" }, { version: "4.1" }],
  ["UUIDs", { version: "4.1", yaml: { uuid_sstable_identifiers_enabled: true } }, { version: "4.0" }],
];

it.each(newer)("refuses SSTables that an older node does not read: %s", async (what, from, to) => {
  const directory = await (await useCassandra(from)).temporaryDirectory();
  const source = await Operator.of(await useCassandra(from), directory);
  const keyspace = await source.node.keyspace();
  const table = await createTable(source.node, keyspace, "newer", 50);
  await source.backup("base", "--entities", keyspace);
  const node = await useCassandra(to);
  const target = await Operator.of(node, directory);
  await node.cql.execute(
    `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  );
  await createTable(node, keyspace, "newer", 5);
  const where = ["--storage-location", source.location, "--entities", table];
  const { message } = await fails("unsupported", target.restoreCommand("base", ...where, ...strategy("IMPORT")));
  expect(message).toContain(what);
  expect(await rowsOf(node.cql, table)).toHaveLength(5);
  const hardlinks = target.restoreCommand("base", ...where, ...strategy("HARDLINKS"));
  if (what === "bti") {
    await fails("unsupported", hardlinks);
    expect(await rowsOf(node.cql, table)).toHaveLength(5);
  } else {
    await target.restore("base", ...where, ...strategy("HARDLINKS"));
    expect(await rowsOf(node.cql, table)).toHaveLength(50);
  }
});
