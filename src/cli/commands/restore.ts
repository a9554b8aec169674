import { type Reports, run } from "../../app/app.ts";
import type { RestoreRequest } from "../../request/request.ts";
import { formatCount, formatDuration, formatFiles } from "../../units.ts";
import type { Command } from "../command.ts";
import { printableLine } from "../printable.ts";

export const restoreCommand: Command<RestoreRequest> = {
  async run(request, context) {
    const report = await run("restore", request, context);
    const { dryRun } = request;
    context.output.result({ type: "restore", dryRun, ...report }, () => describe(report, dryRun));
  },
};

function describe(report: Reports["restore"], dryRun: boolean): string {
  const { fetched, reused, phase, durationMs } = report;
  const tables = formatCount(report.tables, "table");
  const files = formatFiles(fetched);
  const there = `${formatFiles(reused)} already present`;
  if (dryRun || phase === "init") {
    return `would restore ${tables} of ${report.backup}, strategy ${report.strategy}: ${files} to download, ${there}`;
  }
  const what = phase === "all" ? `restored ${tables}` : `completed phase ${phase} for ${tables}`;
  const lines = [
    `${what} in ${formatDuration(durationMs)}, strategy ${report.strategy}: ${files} downloaded, ${there}`,
    `from backup ${report.backup}`,
    ...report.next.map((step, index) => `${index === 0 ? "next: " : "then: "}${step}`),
  ];
  return lines.map(printableLine).join("\n");
}
