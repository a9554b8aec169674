/** IN_PLACE of a part of a node: whatever is not restored stays as it was, and what is restored is exactly the backup. */
import { describe, expect, it } from "vitest";
import { type CassandraNode, type NodeKind, useCassandra } from "../../harness/cassandra.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { older, usual } from "./kinds.ts";

/** Two tables of one keyspace and one of another, backed up at 100 rows each with all of the node. */
async function prepare(kind: NodeKind) {
  const node = await useCassandra(kind);
  const operator = await Operator.of(node);
  const [keyspace, elsewhere] = [await node.keyspace(), await node.keyspace()];
  const restored = await createTable(node, keyspace, "restored", 100);
  const beside = await createTable(node, keyspace, "beside", 100);
  const far = await createTable(node, elsewhere, "far", 100);
  await node.cql.execute(`CREATE INDEX ON ${restored} (v)`);
  await operator.backup("base");
  const expected = await rowsOf(node.cql, restored);
  return { node, operator, restored, beside, far, expected };
}

/** All that a restore of another table must not change. */
async function othersOf(node: CassandraNode, tables: readonly string[]) {
  const { rows } = await node.cql.execute("SELECT host_id, tokens, schema_version, cluster_name FROM system.local");
  const of = async (table: string) => [table, await rowsOf(node.cql, table)] as const;
  return {
    local: JSON.stringify(rows),
    tables: await Promise.all([...tables, "system_schema.tables", "system_auth.roles"].map(of)),
  };
}

describe.each([...older, usual])("IN_PLACE of one table, Cassandra $version", (kind) => {
  it("after a crash brings no newer write of it back and loses none of the others", async () => {
    const { node, operator, restored, beside, far, expected } = await prepare(kind);
    await node.cql.execute("INSERT INTO system_auth.roles (role, can_login, is_superuser) VALUES (?, true, false)", [
      keyspaceOf(beside),
    ]);
    await node.cql.execute(`DELETE FROM ${restored} WHERE k = 7`);
    for (const table of [restored, beside, far]) await fill(node.cql, table, 50, 150, "newer");
    const others = await othersOf(node, [beside, far]);
    await node.stop("KILL");
    const report = await operator.restore("base", "--entities", restored, ...inPlace);
    expect(report).toMatchObject({ strategy: "IN_PLACE", tables: 1 });
    await node.start();
    expect(await rowsOf(node.cql, restored)).toEqual(expected);
    const { rows } = await node.cql.execute(`SELECT k FROM ${restored} WHERE v = 'value 7'`);
    expect(rows.map((row) => row.get("k"))).toEqual([7]);
    expect(await othersOf(node, [beside, far])).toEqual(others);
    await operator.restore("base", "--entities", restored, ...cleanup);
    expect(await operator.restoreLeftovers()).toEqual([]);
  });
});

function keyspaceOf(table: string): string {
  return table.split(".")[0] ?? "";
}

const inPlace = ["--restoration-strategy-type", "IN_PLACE"];
const cleanup = [...inPlace, "--restoration-phase-type", "cleanup"];

describe("IN_PLACE of one table", () => {
  it("refuses a commit log that cannot be taken apart, touches nothing, and works once the node is drained", async () => {
    const { node, operator, restored, beside, far, expected } = await prepare(usual);
    const into = (table: string) => `INSERT INTO ${table} (k, v) VALUES (1000, 'both')`;
    await node.cql.execute(`BEGIN UNLOGGED BATCH ${into(restored)}; ${into(beside)}; APPLY BATCH`);
    const others = await othersOf(node, [beside, far]);
    await node.stop("KILL");
    const before = await operator.liveFiles(keyspaceOf(restored));
    const { hint } = await fails("node-state", operator.restoreCommand("base", "--entities", restored, ...inPlace));
    expect(hint).toContain("nodetool drain");
    expect(await operator.liveFiles(keyspaceOf(restored))).toEqual(before);
    await node.start();
    expect(await rowsOf(node.cql, restored)).toHaveLength(expected.length + 1);
    await node.stop("TERM");
    await operator.restore("base", "--entities", restored, ...inPlace);
    await node.start();
    expect(await rowsOf(node.cql, restored)).toEqual(expected);
    expect(await othersOf(node, [beside, far])).toEqual(others);
    await operator.restore("base", "--entities", restored, ...cleanup);
    expect(await operator.restoreLeftovers()).toEqual([]);
  });
});
