import { randomUUID } from "node:crypto";
import type { CassandraNode, NodeFacts } from "../cassandra/cassandra.ts";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { formatDuration } from "../units.ts";
import type { Passed } from "./finding.ts";

const supportedVersions = ["4.0", "4.1", "5.0"] as const;

/** More than this between two clocks makes the times of backups hard to believe. */
export const clockToleranceMs = 60_000;

/** Throws `unsupported` for a Cassandra that is older than all that are supported. */
export function checkVersion({ releaseVersion }: NodeFacts): Passed {
  const says = `Cassandra ${releaseVersion}`;
  if (supportedVersions.some((version) => releaseVersion.startsWith(`${version}.`))) return { says };
  const supported = `supported versions are ${supportedVersions.join(", ")}`;
  if (Number.parseInt(releaseVersion, 10) < 4) throw new AppError("unsupported", `${says}: ${supported}`);
  return { says: `${says} is untested: ${supported}`, warning: true };
}

/** Throws `node-state` unless this node is NORMAL; warns of what would keep a restore from beginning. */
export async function checkState(
  node: CassandraNode,
  { operationMode }: NodeFacts,
  signal: AbortSignal,
): Promise<Passed> {
  // Asked first: one that is drained takes ten seconds to find that it cannot ask the others.
  if (operationMode !== "NORMAL") {
    throw new AppError("node-state", `the node is ${operationMode}, not NORMAL`, {
      hint: "wait until it is NORMAL, or restart it if it is DRAINED",
    });
  }
  const { unreachable, joining, leaving, moving, schemaVersions } = await node.health({ signal });
  const unsettled = [
    ...unreachable.map((address) => `${address} is unreachable`),
    ...[...joining, ...leaving, ...moving].map((address) => `${address} is joining, leaving or moving`),
    ...(schemaVersions.length > 1 ? ["the schema versions of the nodes differ"] : []),
  ];
  if (unsettled.length === 0) return { says: "NORMAL; no other node is unreachable, joining, leaving or moving" };
  return {
    says: `NORMAL, but ${unsettled.join(", ")}`,
    warning: true,
    hint: "backups work; a running node refuses restores until `nodetool status` shows all nodes UN",
  };
}

/**
 * Makes the most harmless call there is, the clearing of a snapshot that cannot exist. Throws `unauthorized` for a JMX
 * role that may only read.
 */
export async function checkRights(node: CassandraNode, signal: AbortSignal): Promise<Passed> {
  await node.clearSnapshot(`esop-check-${randomUUID()}`, { signal });
  return { says: "the JMX login can invoke operations" };
}

export async function checkNodeClock(node: CassandraNode, clock: Clock, signal: AbortSignal): Promise<Passed> {
  const beforeMs = clock.now();
  const theirsMs = await node.clockMs({ signal });
  return compareClocks("the node", theirsMs, { beforeMs, afterMs: clock.now() });
}

/** `theirsMs` was read between the two moments of our clock. */
export function compareClocks(
  whose: string,
  theirsMs: number,
  { beforeMs, afterMs }: { readonly beforeMs: number; readonly afterMs: number },
): Passed {
  const offMs = theirsMs < beforeMs ? theirsMs - beforeMs : Math.max(0, theirsMs - afterMs);
  if (Math.abs(offMs) <= clockToleranceMs) return { says: "agrees with the local clock" };
  return {
    says: `the clock of ${whose} is ${formatDuration(Math.abs(offMs))} ${offMs < 0 ? "behind" : "ahead of"} the local clock`,
    warning: true,
    hint: "backup names and --older-than depend on the clocks: synchronize them with NTP",
  };
}
