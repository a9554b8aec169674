/** Calls to a test node's management interface that the product itself never makes. */
import { connectJmx } from "../../src/jmx/connect.ts";
import { type JmxArgument, jmx, parseServiceUrl } from "../../src/jmx/jmx.ts";
import type { CassandraNode } from "./cassandra.ts";

/** From now on (until a restart) no SSTable of the keyspace is compacted by itself. */
export async function disableCompaction(node: CassandraNode, keyspace: string): Promise<void> {
  const signature = ["java.lang.String", "[Ljava.lang.String;"];
  await invoke(node, "disableAutoCompaction", [keyspace, jmx.stringArray([])], signature);
}

/**
 * Marks every SSTable of the table as repaired (Cassandra 5.0), as a repair does: its Statistics.db is rewritten in
 * place, with the same size.
 */
export async function rewriteStatistics(node: CassandraNode, keyspace: string, table: string): Promise<void> {
  const signature = ["boolean", "boolean", "java.lang.String", "java.util.List"];
  await invoke(node, "mutateSSTableRepairedState", [true, false, keyspace, jmx.list([table])], signature);
}

/** The node goes on running, and takes no more writes until it is restarted. */
export async function drain(node: CassandraNode): Promise<void> {
  await invoke(node, "drain", [], []);
}

/** What `nodetool rebuild_index` does. */
export async function rebuildIndex(node: CassandraNode, keyspace: string, table: string, index: string): Promise<void> {
  const signature = ["java.lang.String", "java.lang.String", "[Ljava.lang.String;"];
  await invoke(node, "rebuildSecondaryIndex", [keyspace, table, jmx.stringArray([index])], signature);
}

async function invoke(
  { sandbox }: CassandraNode,
  operation: string,
  args: readonly JmxArgument[],
  signature: readonly string[],
): Promise<void> {
  await using connection = await connectJmx({ target: parseServiceUrl(sandbox.jmxServiceUrl) });
  await connection.invoke("org.apache.cassandra.db:type=StorageService", operation, args, signature);
}
