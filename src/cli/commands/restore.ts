import { openRequestedStorage, refuseGlobal, requestedKeys } from "../../app/app.ts";
import { findNode } from "../../cassandra/cassandra.ts";
import type { RestoreRequest } from "../../request/request.ts";
import { type RestoreReport, restore } from "../../restore/restore.ts";
import { formatCount, formatDuration, formatFiles } from "../../units.ts";
import type { Command } from "../command.ts";

export const restoreCommand: Command<RestoreRequest> = {
  async run(request, context) {
    refuseGlobal(request);
    const { clock, log, output, signal } = context;
    const storage = await openRequestedStorage(request, context, true);
    try {
      const node = await findNode(request.jmx, { longCallTimeoutMs: request.timeoutMs, signal });
      try {
        const keys = requestedKeys(request, context);
        const { progress } = output;
        try {
          const report = await restore(request, { storage, node, keys, clock, log, progress, signal });
          output.result({ type: "restore", dryRun: request.dryRun, ...report }, () => describe(report, request.dryRun));
        } finally {
          await keys.close();
        }
      } finally {
        await node?.close();
      }
    } finally {
      await storage.close();
    }
  },
};

function describe(report: RestoreReport, dryRun: boolean): string {
  const { fetched, reused, phase, durationMs } = report;
  const tables = formatCount(report.tables, "table");
  const files = formatFiles(fetched);
  const there = `${formatFiles(reused)} already here`;
  if (dryRun || phase === "init") {
    return `would restore ${tables} of ${report.backup}, strategy ${report.strategy}: ${files} to download, ${there}`;
  }
  const what = phase === "all" ? `restored ${tables}` : `phase ${phase} of ${tables} done`;
  const lines = [
    `${what} in ${formatDuration(durationMs)}, strategy ${report.strategy}: ${files} downloaded, ${there}`,
    `from backup ${report.backup}`,
    ...report.next.map((step, index) => `${index === 0 ? "next: " : "then: "}${step}`),
  ];
  return lines.join("\n");
}
