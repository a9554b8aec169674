/** Tables with as many SSTables as wanted, in a fraction of the time that writing them would take. */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type CassandraNode, parseComponentName, withGeneration } from "../src/cassandra/cassandra.ts";
import { type JmxConnection, jmx } from "../src/jmx/jmx.ts";
import type { CqlSession } from "../src/sandbox/sandbox.ts";
import type { Sandbox } from "../src/sandbox/start.ts";

export interface FillingNode {
  readonly sandbox: Sandbox;
  readonly cql: CqlSession;
  readonly connection: JmxConnection;
  readonly node: CassandraNode;
  /** For the copies. */
  readonly directory: string;
}

export interface Filling {
  readonly table: string;
  /** Of each SSTable. */
  readonly rows: number;
  readonly rowBytes: number;
  readonly sstables: number;
}

export async function createKeyspace(cql: CqlSession): Promise<void> {
  await cql.execute("CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
}

/** One SSTable is written; the others are copies of it under other generations. */
export async function fillTable(
  { sandbox, cql, connection, node, directory }: FillingNode,
  { table, rows, rowBytes, sstables }: Filling,
): Promise<void> {
  await cql.execute(
    `CREATE TABLE bench.${table} (k int PRIMARY KEY, v blob) WITH compression = {'enabled': false}
       AND compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}`,
  );
  await writeRows(cql, table, { first: 0, count: rows, rowBytes });
  await node.flush("bench", [table]);
  const compact = ["boolean", "java.lang.String", "[Ljava.lang.String;"];
  const whole = [jmx.boolean(false), jmx.string("bench"), jmx.stringArray([table])];
  await connection.invoke("org.apache.cassandra.db:type=StorageService", "forceKeyspaceCompaction", whole, compact, {
    timeoutMs: 600_000,
  });
  const live = await tableDirectory(sandbox, table);
  // What was compacted is still being deleted: only the newest SSTable counts.
  const components = (await readdir(live)).filter((name) => parseComponentName(name) !== undefined);
  const generationOf = (name: string) => Number(parseComponentName(name)?.generation);
  const newest = Math.max(...components.map(generationOf));
  const names = components.filter((name) => generationOf(name) === newest);
  const copies = join(directory, "copies", "bench", table);
  await mkdir(copies, { recursive: true });
  for (let copy = 2; copy <= sstables; copy += 1) {
    for (const name of names) await cp(join(live, name), join(copies, withGeneration(name, String(1000 + copy))));
  }
  const how = { keepLevel: true, keepRepaired: true, noVerify: true, noVerifyTokens: true, noInvalidateCaches: true };
  await node.importSSTables({ keyspace: "bench", table }, copies, {
    ...how,
    quick: true,
    extendedVerify: false,
    copy: false,
  });
}

export async function writeRows(
  cql: CqlSession,
  table: string,
  { first, count, rowBytes }: { readonly first: number; readonly count: number; readonly rowBytes: number },
): Promise<void> {
  const blob = Buffer.alloc(rowBytes);
  for (let start = first; start < first + count; start += 32) {
    const batch = Array.from({ length: Math.min(32, first + count - start) }, (_, index) => {
      crypto.getRandomValues(blob);
      return cql.execute(`INSERT INTO bench.${table} (k, v) VALUES (?, ?)`, [start + index, Buffer.from(blob)]);
    });
    await Promise.all(batch);
  }
}

export async function tableDirectory(sandbox: Sandbox, table: string): Promise<string> {
  const [dataDirectory = ""] = sandbox.dataDirectories;
  const names = await readdir(join(dataDirectory, "bench"));
  return join(dataDirectory, "bench", names.find((name) => name.startsWith(`${table}-`)) ?? "");
}
