/**
 * The main job on real nodes: backup, more writes, incremental backup, destruction, each strategy, and every row and
 * index back; and a whole node brought back into an empty one.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CassandraNode, freshNode, type NodeKind, useCassandra } from "../harness/cassandra.ts";
import { esopOk } from "../harness/esop.ts";
import { createSampleTables } from "../harness/sample-tables.ts";

interface Variant extends NodeKind {
  readonly name: string;
}

const variants: readonly Variant[] = [
  { name: "5.0 big", version: "5.0" },
  { name: "5.0 bti, UUID generations, two data directories", version: "5.0", sstableFormat: "bti", dataDirectories: 2 },
  { name: "4.1, two data directories", version: "4.1", dataDirectories: 2 },
  { name: "4.0", version: "4.0" },
];

describe.each(variants)("$name", ({ name: _, ...kind }) => {
  let node: CassandraNode;
  let store: string;
  let location: string;

  beforeAll(async () => {
    node = await useCassandra(kind);
    store = await node.temporaryDirectory();
    const { rows } = await node.cql.execute("SELECT host_id, cluster_name FROM system.local");
    location = `file://${store}/bucket/sandbox/dc1/${rows[0]?.["host_id"]}`;
  });

  afterAll(async () => {
    await rm(store, { recursive: true, force: true });
  });

  const jmx = () => ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
  const backup = (tag: string, ...more: readonly string[]) =>
    esopOk(
      "backup",
      "--storage-location",
      location,
      "--snapshot-tag",
      tag,
      ...jmx(),
      "--create-missing-bucket",
      ...more,
    );
  const restore = (tag: string, ...more: readonly string[]) =>
    esopOk("restore", "--storage-location", location, "--snapshot-tag", tag, ...jmx(), ...more);

  it("backs up what is new, and restores every row with each strategy", async () => {
    const tables = await createSampleTables(node);
    const first = await backup("first", "--entities", tables.keyspace);
    expect(first).toMatchObject({ kept: { files: 0 }, tables: tables.names.length });
    await tables.write(2);
    const again = await backup("second", "--entities", tables.keyspace);
    expect(again).toMatchObject({ kept: first["sent"] });
    expect(again["sent"]).not.toMatchObject({ files: 0 });
    const unchanged = await backup("third", "--entities", tables.keyspace);
    expect(unchanged).toMatchObject({ sent: { files: 0, bytes: 0 } });

    for (const strategy of ["IMPORT", "HARDLINKS"]) {
      await tables.destroy();
      await restore("second", "--entities", tables.keyspace, "--restoration-strategy-type", strategy);
      await tables.expectRows(2);
    }
    await tables.destroy();
    await node.stop();
    const inPlace = await restore(
      "second",
      "--entities",
      tables.keyspace,
      "--config-directory",
      node.sandbox.configDirectory,
      "--restoration-strategy-type",
      "IN_PLACE",
    );
    expect(inPlace).toMatchObject({ strategy: "IN_PLACE" });
    await node.start();
    await tables.expectRows(2);
    await restore(
      "second",
      "--entities",
      tables.keyspace,
      "--restoration-strategy-type",
      "IN_PLACE",
      "--restoration-phase-type",
      "cleanup",
    );
    const leftBefore = await leftovers(node);
    expect(leftBefore.filter((entry) => entry.includes("esop-"))).toEqual([]);

    await restore("first", "--entities", tables.keyspace);
    await tables.expectRows(1);
    expect(await leftovers(node)).toEqual(leftBefore);
  });

  it("restores a whole node into an empty one: same host ID, tokens, schema and rows", async () => {
    const tables = await createSampleTables(node);
    const identity = await identityOf(node);
    await backup("whole");
    await tables.write(3);
    await node.stop("KILL");
    await using replacement = await freshNode({ ...kind });
    const { sandbox } = replacement;
    await restoreStopped(replacement, location, "whole", "--restore-system-keyspace", "--update-cassandra-yaml");
    await replacement.start();
    expect(await identityOf(replacement)).toEqual(identity);
    await tables.expectRows(1, replacement.cql);
    const yaml = await readFile(join(sandbox.configDirectory, "cassandra.yaml"), "utf8");
    expect(yaml).toContain("auto_bootstrap: false");
    await replacement.stop();
  });
});

async function restoreStopped({ sandbox }: CassandraNode, location: string, tag: string, ...more: readonly string[]) {
  const jmx = ["--restoration-strategy-type", "IN_PLACE", "--jmx-service", `127.0.0.1:${sandbox.jmxPort}`];
  const where = ["--storage-location", location, "--snapshot-tag", tag, "--config-directory", sandbox.configDirectory];
  return esopOk("restore", ...where, ...jmx, ...more);
}

async function identityOf(node: CassandraNode) {
  const { rows } = await node.cql.execute("SELECT host_id, tokens, schema_version FROM system.local");
  const row = rows[0];
  return {
    hostId: String(row?.["host_id"]),
    tokens: [...(row?.["tokens"] ?? [])].sort(),
    schema: String(row?.["schema_version"]),
  };
}

/** Snapshots of ours and of truncates, and directories of ours. */
async function leftovers({ sandbox }: CassandraNode): Promise<string[]> {
  const found: string[] = [];
  for (const directory of sandbox.dataDirectories) {
    const entries = await readdir(join(directory, ".."), { recursive: true });
    found.push(...entries.filter((entry) => /(^|\/)(esop-|truncated-)/.test(entry)));
  }
  return found;
}
