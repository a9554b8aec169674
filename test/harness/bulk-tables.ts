/** Tables with enough bytes that a backup or a restore of them can be disturbed midway. */
import { createHash } from "node:crypto";
import type { CqlSession } from "../../src/sandbox/sandbox.ts";
import type { CassandraNode } from "./cassandra.ts";
import type { Operator } from "./operator.ts";
import { sampleBytes } from "./sample-bytes.ts";

export interface BulkTables {
  readonly keyspace: string;
  readonly names: readonly string[];
  /** One more row in every table, not yet flushed. */
  disturb(cql?: CqlSession): Promise<void>;
  /** A text that is equal exactly when all rows of all tables are. */
  digest(cql?: CqlSession): Promise<string>;
}

const names = ["one", "two", "three"] as const;
const blobBytes = 64 * 1024;

/** `rows` rows of 64 KiB in each of three tables, in two SSTables each, of which the operator has made backup "base". */
export async function createBulkTables(node: CassandraNode, operator: Operator, rows: number): Promise<BulkTables> {
  const keyspace = await node.keyspace();
  const settings =
    "compression = {'enabled': false} AND compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': false}";
  for (const name of names) {
    await node.cql.execute(`CREATE TABLE ${keyspace}.${name} (k int PRIMARY KEY, v blob) WITH ${settings}`);
  }
  const fill = async (from: number, to: number) => {
    for (const [index, name] of names.entries()) {
      const numbers = Array.from({ length: to - from }, (_, offset) => from + offset);
      const insert = `INSERT INTO ${keyspace}.${name} (k, v) VALUES (?, ?)`;
      await Promise.all(numbers.map((k) => node.cql.execute(insert, [k, sampleBytes(blobBytes, k * 10 + index)])));
    }
  };
  // Each backup flushes what was written before it.
  await fill(0, Math.floor(rows / 2));
  await operator.backup("half", "--entities", keyspace);
  await fill(Math.floor(rows / 2), rows);
  await operator.backup("base", "--entities", keyspace);
  return {
    keyspace,
    names,
    async disturb(cql = node.cql) {
      for (const name of names) {
        await cql.execute(`INSERT INTO ${keyspace}.${name} (k, v) VALUES (?, ?)`, [1_000_000, Buffer.from("newer")]);
        await cql.execute(`DELETE FROM ${keyspace}.${name} WHERE k = ?`, [1]);
      }
    },
    async digest(cql = node.cql) {
      const digests: string[] = [];
      for (const name of names) {
        const { rows: found } = await cql.execute(`SELECT k, v FROM ${keyspace}.${name}`, [], { fetchSize: 1000 });
        const one = (value: Buffer) => createHash("sha1").update(value).digest("hex");
        digests.push(
          found
            .map((row) => `${row.get("k")}=${one(row.get("v"))}`)
            .sort()
            .join(),
        );
      }
      return createHash("sha256").update(digests.join("\n")).digest("hex");
    },
  };
}
