import type { NodeKind } from "../../harness/cassandra.ts";

/** Every write is in the commit log before it is acknowledged, so that a kill loses none. */
const durable = { commitlog_sync: "batch", commitlog_sync_period: "0ms" };

/** The one node of these tests, except where a version is the point. */
export const usual = { version: "5.0", dataDirectories: 2, yaml: durable } as const satisfies NodeKind;

export const older: readonly NodeKind[] = [
  { version: "4.1", yaml: durable },
  { version: "4.0", yaml: { commitlog_sync: "batch", commitlog_sync_period_in_ms: 0 } },
];
