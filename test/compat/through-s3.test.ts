/**
 * What lies in S3 is what Esop (Java) lays there, byte for byte and key for key. Esop 3.0.1 cannot be told of an
 * endpoint; the store here keeps its objects as plain files in the layout of Esop's own `file://`, so that Esop reads
 * and writes there what we write and read through S3.
 */
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type NodeKind, useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { esopJarOk, jarBackup, jarList, jarRestoreCommand } from "../harness/esop-jar.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { Operator } from "../harness/operator.ts";
import { createSampleTables } from "../harness/sample-tables.ts";

/** Without storage-attached indexes, whose empty components Esop 3.0.1 cannot read. */
const kind: NodeKind = { version: "5.0", clusterName: "compat" };
const store = await startStore("versitygw");

describe.skipIf("reason" in store)(`through S3${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  it("Esop restores what we have stored, we restore what it has, and neither sends what the other sent", async () => {
    const node = await useCassandra(kind);
    const operator = await Operator.of(node, server.directory);
    const tables = await createSampleTables(node, { sai: false });
    const location = ["--storage-location", `s3://bucket/sandbox/dc1/${operator.hostId}`];
    const entities = ["--entities", tables.keyspace];
    const ours = async (command: readonly string[]) => {
      const environment = { ...server.credentials, AWS_ENDPOINT_URL_S3: server.endpoint, AWS_REGION: "us-east-1" };
      const { status, json, stderr } = await esop([...command, "--json"], { environment });
      expect(status, stderr).toBe(0);
      return json;
    };

    const first = await ours(operator.backupCommand("ours", ...location, ...entities));
    const cache = await node.temporaryDirectory();
    expect(await jarList(operator.location, cache)).toMatchObject([{ name: first["name"] }]);
    await tables.destroy();
    const downloads = `--import-source-dir=${join(cache, "downloads")}`;
    const how = [`--entities=${tables.keyspace}`, "--restoration-strategy-type=IMPORT", downloads];
    for (const phase of ["download", "truncate", "import"]) {
      const restore = jarRestoreCommand(node, operator.location, "ours", ...how);
      await esopJarOk(...restore, `--restoration-phase-type=${phase}`);
    }
    await tables.expectRows(1);

    await tables.write(2);
    await jarBackup(node, operator.location, "theirs", `--entities=${tables.keyspace}`);
    const again = await ours(operator.backupCommand("again", ...location, ...entities));
    expect(again).toMatchObject({ sent: { files: 0 } });
    await tables.destroy();
    await ours(operator.restoreCommand("theirs", ...location, ...entities));
    await tables.expectRows(2);
  });
});
