import { type CassandraNode, listSnapshots, listTableDirectories, type NodeFacts } from "../cassandra/cassandra.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type Entities, formatTableName } from "../request/request.ts";
import { type ExpectedTables, expectedTables } from "./check-node.ts";

/** Every snapshot that a backup of ours takes has this prefix, so that a crashed run's can be told from the operator's. */
const prefix = "esop-";

export function snapshotName(tag: string): string {
  return prefix + tag;
}

/** Clears the snapshots that earlier runs of ours left on the node. Call only while no other backup can be running. */
export async function clearLeftovers(
  node: CassandraNode,
  dataDirectories: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const leftovers = new Set<string>();
  for (const directory of await listTableDirectories(dataDirectories, () => true, signal)) {
    for (const name of await listSnapshots(directory)) if (name.startsWith(prefix)) leftovers.add(name);
  }
  for (const name of leftovers) {
    log.warn(`clearing snapshot ${name}, left by an earlier run that did not end`);
    await node.clearSnapshot(name, { signal });
  }
}

/** Long enough for any disk to unlink a snapshot, short enough that a hung node does not keep us. */
const clearTimeoutMs = 300_000;

export interface SnapshotOptions {
  readonly name: string;
  readonly entities: Entities;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What a snapshot is of: the node and its tables when it was made. */
export interface SnapshotState {
  readonly facts: NodeFacts;
  readonly tables: ExpectedTables;
}

/**
 * Takes a snapshot, runs `use`, and clears the snapshot however `use` ended, also after an abort. A snapshot that cannot
 * be cleared does not fail the backup, which is complete by then: the next run clears it.
 */
export async function withSnapshot<T>(
  node: CassandraNode,
  options: SnapshotOptions,
  use: (state: SnapshotState) => Promise<T>,
): Promise<T> {
  const { name, log } = options;
  try {
    return await use(await takeSnapshot(node, options));
  } finally {
    // A call that was given up may still be at work in the node: a snapshot that failed is cleared as well.
    try {
      await node.clearSnapshot(name, { timeoutMs: clearTimeoutMs });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`cannot clear snapshot ${name}: ${reason}; the next backup clears it`);
    }
  }
}

const maxSnapshots = 5;

/**
 * Takes the snapshot within one schema version, so that the node's tables and schema version are those of the snapshot.
 * If the schema changes meanwhile, another snapshot is taken; throws `node-state` after several.
 */
async function takeSnapshot(node: CassandraNode, options: SnapshotOptions): Promise<SnapshotState> {
  const { name, entities, log, signal } = options;
  for (let number = 1; ; number += 1) {
    const before = await node.facts({ signal });
    await node.takeSnapshot(name, snapshotEntities(entities), { signal });
    const tables = await expectedTables(node, before, entities, signal);
    const facts = await node.facts({ signal });
    if (facts.schemaVersion === before.schemaVersion) return { facts, tables };
    if (number === maxSnapshots) break;
    log.info("the schema changed while the snapshot was taken; taking another one");
    await node.clearSnapshot(name, { signal });
  }
  throw new AppError("node-state", `the schema changed during each of ${maxSnapshots} snapshots`, {
    hint: "run the backup again when no table is being created, altered or dropped",
  });
}

/** As takeSnapshot wants them: none for everything. */
function snapshotEntities(entities: Entities): readonly string[] {
  if (entities.kind === "all") return [];
  return entities.kind === "keyspaces" ? entities.keyspaces : entities.tables.map(formatTableName);
}
