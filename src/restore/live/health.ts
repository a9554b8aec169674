import type { CassandraNode, NodeFacts } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import type { Manifest } from "../../repository/repository.ts";

/** Throws `node-state` unless this node is NORMAL, every other is there and settled, and all agree on the schema. */
export async function checkHealth(node: CassandraNode, signal: AbortSignal): Promise<void> {
  const health = await node.health({ signal });
  const problems = [
    ...(health.operationMode === "NORMAL" ? [] : [`this node is ${health.operationMode}, not NORMAL`]),
    ...unsettled("unreachable", health.unreachable),
    ...unsettled("joining", health.joining),
    ...unsettled("leaving", health.leaving),
    ...unsettled("moving", health.moving),
    ...(health.schemaVersions.length > 1 ? ["the nodes disagree on the schema"] : []),
  ];
  if (problems.length === 0) return;
  throw new AppError("node-state", `the cluster cannot take a restore now: ${problems.join(", ")}`, {
    hint: "look at `nodetool status` and `nodetool describecluster`, and run the same command again when all is well",
  });
}

function unsettled(state: string, nodes: readonly string[]): string[] {
  return nodes.length === 0 ? [] : [`${nodes.join(", ")} ${nodes.length === 1 ? "is" : "are"} ${state}`];
}

/**
 * A running node must own the token ranges of the node that was backed up, or its reads would miss the restored rows.
 * The only node of a cluster owns everything, whatever its tokens.
 */
export async function checkTokens(
  manifest: Manifest,
  node: CassandraNode,
  facts: NodeFacts,
  signal: AbortSignal,
): Promise<void> {
  const same = manifest.tokens.toSorted().join() === facts.tokens.toSorted().join();
  if (same || (await node.topology({ signal })).length === 1) return;
  throw new AppError("node-state", "this node's tokens are not those of the node that was backed up", {
    hint: "restore on the node with the same tokens, or IN_PLACE on a stopped node with --update-cassandra-yaml",
  });
}
