/** A node's backup in another cluster, and a node that is found by its host name. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freshNode, useCassandra } from "../../harness/cassandra.ts";
import { esopOk } from "../../harness/esop.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { createSampleTables } from "../../harness/sample-tables.ts";
import { usual } from "./kinds.ts";

describe("--restore-into-new-cluster", () => {
  it("gives an empty node of another name the schema, the rows and the tokens, and a config that is still ours", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const tables = await createSampleTables(node);
    await operator.backup("whole");
    const local = async (cql: typeof node.cql) => {
      const { rows } = await cql.execute("SELECT cluster_name, host_id, tokens FROM system.local");
      const row = rows[0];
      const tokens = [...(row?.["tokens"] ?? [])].map(String).sort();
      return { cluster: String(row?.["cluster_name"]), hostId: String(row?.["host_id"]), tokens };
    };
    const original = await local(node.cql);
    await node.stop();

    await using other = await freshNode({ version: "5.0", clusterName: "another", numTokens: 4, dataDirectories: 2 });
    const { configDirectory, jmxPort } = other.sandbox;
    const configFile = join(configDirectory, "cassandra.yaml");
    const before = (await readFile(configFile, "utf8")).trimEnd().split("\n");
    const command = ["restore", "--storage-location", operator.location, "--snapshot-tag", "whole"];
    const where = [
      "--restoration-strategy-type",
      "IN_PLACE",
      "--jmx-service",
      `127.0.0.1:${jmxPort}`,
      "--config-directory",
      configDirectory,
    ];
    await esopOk(...command, ...where, "--restore-into-new-cluster", "--update-cassandra-yaml");
    const after = (await readFile(configFile, "utf8")).trimEnd().split("\n");
    const edited = before.map((line) =>
      line.startsWith("num_tokens:") ? `num_tokens: ${original.tokens.length}` : line,
    );
    expect(after.slice(0, before.length)).toEqual(edited);
    expect(after.slice(before.length).sort()).toEqual([
      "auto_bootstrap: false",
      expect.stringMatching(/^initial_token: "-?\d+(,-?\d+){15}"$/),
    ]);
    await other.start();
    const found = await local(other.cql);
    expect(found).toMatchObject({ cluster: "another", tokens: original.tokens });
    expect(found.hostId).not.toBe(original.hostId);
    await tables.expectRows(1, other.cql);
  });
});

describe("--resolve-host-id-from-topology", () => {
  it("finds the node's backups by its address, and refuses an address that nobody had", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const keyspace = await node.keyspace();
    const table = await createTable(node, keyspace, "found", 20);
    await operator.backup("named", "--entities", keyspace, "--upload-cluster-topology");
    await fill(node.cql, table, 20, 30);
    const at = (name: string) => ["--storage-location", operator.location.replace(/[^/]+$/, name)];
    const how = ["--entities", keyspace, "--resolve-host-id-from-topology"];
    const { hint } = await fails("not-found", operator.restoreCommand("named", ...how, ...at("127.255.255.1")));
    expect(hint).toContain("host ID");
    expect(await rowsOf(node.cql, table)).toHaveLength(30);
    await operator.restore("named", ...how, ...at(node.sandbox.address));
    expect(await rowsOf(node.cql, table)).toHaveLength(20);
  });
});
