/** A table that was dropped comes back by what the backup knows of it: `esop list --schema`, then a restore. */
import { expect, test } from "vitest";
import { useCassandra } from "../harness/cassandra.ts";
import { cqlStatements } from "../harness/document.ts";
import { esop, esopOk } from "../harness/esop.ts";
import { createSampleTables } from "../harness/sample-tables.ts";

test.each(["5.0", "4.1", "4.0"] as const)(
  "dropped tables, types and indexes of %s are made again with their ids",
  async (version) => {
    const node = await useCassandra({ version });
    const tables = await createSampleTables(node);
    const { keyspace, names } = tables;
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    const location = `file://${await node.temporaryDirectory()}/bucket/c/dc1/${rows[0]?.["host_id"]}`;
    const where = ["--storage-location", location];
    const jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
    const entities = ["--entities", keyspace];
    await esopOk("backup", ...where, ...jmx, ...entities, "--snapshot-tag", "t", "--create-missing-bucket");
    const ids = await idsOf();
    for (const name of names) await node.cql.execute(`DROP TABLE ${keyspace}.${name}`);
    await node.cql.execute(`DROP TYPE ${keyspace}.address`);

    const refused = await esop(["restore", ...where, ...jmx, ...entities, "--snapshot-tag", "t"]);
    expect(refused.status).toBe(3);
    const [, advised = ""] = /`esop (list --schema \S+) --entities/.exec(refused.stderr) ?? [];
    const schema = await esop([...advised.split(" "), ...where, ...entities]);
    for (const statement of cqlStatements(schema.stdout)) await node.cql.execute(statement);
    expect(await idsOf()).toEqual(ids);
    await esopOk("restore", ...where, ...jmx, ...entities, "--snapshot-tag", "t");
    await tables.expectRows(1);

    async function idsOf() {
      const query = "SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = ?";
      const found = await node.cql.execute(query, [keyspace]);
      return found.rows.map((row) => `${row.get("table_name")} ${row.get("id")}`);
    }
  },
);
