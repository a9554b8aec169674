/** The main job with a real node and a store: backup, incremental backup, destruction, restore, removal. */
import { expect } from "vitest";
import { useCassandra } from "./cassandra.ts";
import { esop } from "./esop.ts";
import { createSampleTables } from "./sample-tables.ts";

export interface MainJob {
  readonly protocol: string;
  /** How the tool is told of the store and of its credentials. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Takes backups of a real node into a bucket that is not there yet, gives every row back, and gets rid of them. */
export async function backUpDestroyRestoreRemove({ protocol, environment: ofStore }: MainJob): Promise<void> {
  const node = await useCassandra({ version: "5.0" });
  const tables = await createSampleTables(node);
  const environment = { ...ofStore, ESOP_CACHE_DIR: await node.temporaryDirectory() };
  const jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
  const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
  const nodeLocation = `${protocol}://backups/sandbox/dc1/${rows[0]?.["host_id"]}`;
  const run = async (...parameters: readonly string[]) => {
    const { status, json, stdout, stderr } = await esop([...parameters, "--json"], { environment });
    if (status !== 0) throw new Error(`esop ${parameters.join(" ")} ended with ${status}: ${stdout}${stderr}`);
    return json;
  };
  // The form of a location that is completed from the running node.
  const backup = (tag: string) =>
    run(
      ...["backup", "--storage-location", `${protocol}://backups`, "--create-missing-bucket", ...jmx],
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
}
