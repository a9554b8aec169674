/** The main job with a store that speaks S3: backup, incremental backup, destruction, restore, removal. */
import { afterAll, describe, expect, it } from "vitest";
import { useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { createSampleTables } from "../harness/sample-tables.ts";

const store = await startStore("versitygw");

describe.skipIf("reason" in store)(`a store of S3${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  it("takes backups of a real node, gives every row back, and gets rid of them", async () => {
    const node = await useCassandra({ version: "5.0" });
    const tables = await createSampleTables(node);
    const cache = await node.temporaryDirectory();
    // Esop's own names, and its form of a location that is completed from the running node.
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = server.credentials;
    const environment = {
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_KEY,
      AWS_ENDPOINT: server.endpoint,
      AWS_ENABLE_PATH_STYLE_ACCESS: "true",
      ESOP_CACHE_DIR: cache,
    };
    const jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    const nodeLocation = `s3://backups/sandbox/dc1/${rows[0]?.["host_id"]}`;
    const run = async (...parameters: readonly string[]) => {
      const { status, json, stdout, stderr } = await esop([...parameters, "--json"], { environment });
      if (status !== 0) throw new Error(`esop ${parameters.join(" ")} ended with ${status}: ${stdout}${stderr}`);
      return json;
    };
    const backup = (tag: string) =>
      run(
        ...["backup", "--storage-location", "s3://backups", "--create-missing-bucket", ...jmx],
        ...["--entities", tables.keyspace, "--snapshot-tag", tag, "--refresh-older-than", "1ms"],
      );

    const first = await backup("first");
    expect(first).toMatchObject({ kept: { files: 0 }, tables: tables.names.length });
    await tables.write(2);
    const second = await backup("second");
    expect(second).toMatchObject({ kept: first["sent"] });
    expect(second["sent"]).not.toMatchObject({ files: 0 });

    await tables.destroy();
    const what = ["--entities", tables.keyspace, "--restoration-strategy-type", "IMPORT"];
    await run("restore", "--storage-location", nodeLocation, "--snapshot-tag", "second", ...jmx, ...what);
    await tables.expectRows(2);

    const remove = (name: string) => run("remove-backup", "--storage-location", nodeLocation, "--name", name);
    await remove("first");
    await tables.destroy();
    await run("restore", "--storage-location", nodeLocation, "--snapshot-tag", "second", ...jmx, ...what);
    await tables.expectRows(2);
    await remove("second");
    const { status, stdout } = await esop(["list", "--storage-location", nodeLocation, "--json"], { environment });
    expect([status, stdout]).not.toEqual([0, expect.stringContaining("second")]);
  });
});
