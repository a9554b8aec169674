import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { parseSnapshotSchema, type SnapshotSchema, snapshotSchema } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { differenceOf, schemaError } from "./schema.ts";
import { type LiveRestore, livePathsOf, targetName } from "./targets.ts";
import { checkViews } from "./views.ts";

/**
 * Compares the tables and views of the node with those of the backup. The node's schema is that in the schema.cql of a
 * snapshot, which is taken without a flush and cleared again, as JMX has no schema. Cassandra 4.0 writes none of system
 * tables, neither here nor in backups.
 */
export async function checkSchema(restore: LiveRestore): Promise<void> {
  const ofNode = await readNodeSchema(restore);
  for (const table of restore.tables) {
    const name = targetName(table);
    const target = ofNode.get(name);
    const { schemaContent } = table.content;
    if (schemaContent === undefined) continue;
    if (target === undefined) throw unknownSchema(name);
    const difference = differenceOf(parseSnapshotSchema(schemaContent), target);
    if (difference !== undefined) throw schemaError(name, difference);
  }
  checkViews(restore.tables, ofNode);
}

function unknownSchema(table: string): AppError {
  return new AppError("node-state", `the schema of ${table} cannot be read from a snapshot of it`, {
    hint: "run the same command again when no other program clears snapshots, and check --data-dir",
  });
}

/** The schema of each table and view of the target keyspaces, by "keyspace.table". */
async function readNodeSchema(restore: LiveRestore): Promise<ReadonlyMap<string, SnapshotSchema>> {
  const { node, tables, signal } = restore;
  const keyspaces = [...new Set(tables.map(({ target }) => target.keyspace))];
  // With this prefix, the next backup clears the snapshot if this run is killed.
  const snapshot = `esop-schema-${randomUUID()}`;
  const found = new Map<string, SnapshotSchema>();
  try {
    await node.takeSnapshotOfFiles(snapshot, keyspaces, { signal });
    for (const keyspace of keyspaces) {
      for (const table of await node.tables(keyspace, { signal })) {
        const cql = await readSchema(await livePathsOf(restore, { keyspace, table }), snapshot);
        if (cql !== undefined) found.set(`${keyspace}.${table}`, parseSnapshotSchema(cql));
      }
    }
  } finally {
    await clear(restore, snapshot);
  }
  return found;
}

/** Also after an abort. A snapshot that remains has only links to live files. */
async function clear({ node, log }: LiveRestore, snapshot: string): Promise<void> {
  try {
    await node.clearSnapshot(snapshot, { timeoutMs: 300_000 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(`cannot clear snapshot ${snapshot}: ${reason}; the next backup clears it`);
  }
}

async function readSchema(livePaths: readonly string[], snapshot: string): Promise<string | undefined> {
  for (const path of livePaths) {
    const cql = await snapshotSchema(join(path, "snapshots", snapshot));
    if (cql !== undefined) return cql;
  }
  return undefined;
}
