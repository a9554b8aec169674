/** A restore keeps a stopped node from starting with a file that Cassandra takes for an SSTable it cannot read. */
import { expect, it } from "vitest";
import { allowStart, forbidStart, guardFile } from "../../../src/restore/in-place/start-guard.ts";
import { useCassandra } from "../../harness/cassandra.ts";
import { older, usual } from "./kinds.ts";

it.each([...older, usual])("Cassandra $version does not start while a data directory is guarded", async (kind) => {
  const node = await useCassandra(kind);
  const { dataDirectories } = node.sandbox;
  await node.stop("TERM");
  await forbidStart(dataDirectories, "nightly", undefined);
  await expect(node.sandbox.start()).rejects.toMatchObject({
    code: "node-state",
    message: expect.stringContaining(guardFile),
  });
  await allowStart(dataDirectories);
  await node.start();
  const { rows } = await node.cql.execute("SELECT release_version FROM system.local");
  expect(rows).toHaveLength(1);
});
