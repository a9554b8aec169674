import type { CassandraNode, NodeFacts } from "../cassandra/cassandra.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Entities } from "../request/request.ts";

/** Tables that a backup of `entities` must contain, by keyspace; a keyspace may have none. */
export type ExpectedTables = ReadonlyMap<string, readonly string[]>;

/**
 * The tables that `entities` means on this node. Throws `not-found` for a keyspace or table that does not exist, naming
 * what there is.
 */
export async function expectedTables(
  node: CassandraNode,
  facts: NodeFacts,
  entities: Entities,
  signal: AbortSignal,
): Promise<ExpectedTables> {
  const wanted =
    entities.kind === "all"
      ? facts.keyspaces
      : entities.kind === "keyspaces"
        ? entities.keyspaces
        : [...new Set(entities.tables.map(({ keyspace }) => keyspace))];
  const expected = new Map<string, readonly string[]>();
  for (const keyspace of wanted) {
    if (!facts.keyspaces.includes(keyspace)) {
      throw new AppError("not-found", `keyspace '${keyspace}' does not exist on this node`, {
        hint: `there is ${facts.keyspaces.toSorted().join(", ")}`,
      });
    }
    const tables = await node.tables(keyspace, { signal });
    if (entities.kind !== "tables") {
      expected.set(keyspace, tables);
      continue;
    }
    const named = entities.tables.filter((table) => table.keyspace === keyspace).map(({ table }) => table);
    const unknown = named.find((table) => !tables.includes(table));
    if (unknown !== undefined) {
      throw new AppError("not-found", `table '${keyspace}.${unknown}' does not exist on this node`, {
        hint: tables.length === 0 ? `keyspace ${keyspace} has no tables` : `there is ${tables.join(", ")}`,
      });
    }
    expected.set(keyspace, named);
  }
  return expected;
}

/** Warns where a backup of a node in this mode may not be what the operator expects; refuses where it cannot be one. */
export function checkMode({ operationMode }: NodeFacts, log: Logger): void {
  if (operationMode === "STARTING" || operationMode === "JOINING" || operationMode === "DECOMMISSIONED") {
    throw new AppError("node-state", `the node is ${operationMode}`, { hint: "back it up once it is NORMAL" });
  }
  if (operationMode !== "NORMAL") log.warn(`the node is ${operationMode}, not NORMAL`);
}
