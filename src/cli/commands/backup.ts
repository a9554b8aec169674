import { type Reports, run } from "../../app/app.ts";
import type { BackupRequest } from "../../request/request.ts";
import { formatBytes, formatCount, formatDuration, formatFiles } from "../../units.ts";
import type { Command } from "../command.ts";

type Plan = Extract<Reports["backup"], { readonly kind: "plan" }>;
type Report = Extract<Reports["backup"], { readonly kind: "backup" }>;

export const backupCommand: Command<BackupRequest> = {
  async run(request, context) {
    const report = await run("backup", request, context);
    if (report.kind === "plan") {
      const { send, keep, tables } = report;
      const line = { type: "plan", send, keep, tableCount: tables.length, tables: tables.map(tableLine) };
      context.output.result(line, () => describePlan(report));
    } else {
      const { kind: type, ...rest } = report;
      context.output.result({ type, ...rest }, () => describeReport(report));
    }
  },
};

function tableLine({ table, files }: Plan["tables"][number]) {
  const send = files.filter(({ action }) => action === "send");
  const bytes = send.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  return { table: `${table.keyspace}.${table.table}`, sendFiles: send.length, sendBytes: bytes, files: files.length };
}

function describePlan(plan: Plan): string {
  const lines = plan.tables
    .map(tableLine)
    .filter(({ sendFiles }) => sendFiles > 0)
    .map(({ table, sendFiles, sendBytes }) => `  ${table}: ${formatFiles({ files: sendFiles, bytes: sendBytes })}`);
  const { send, keep } = plan;
  return [
    ...(lines.length === 0 ? [] : ["would upload:", ...lines]),
    `${formatCount(plan.tables.length, "table")}: ${formatFiles(send)} to upload, ${formatFiles(keep)} already stored`,
    "memtables are not included: a backup flushes them first",
  ].join("\n");
}

function describeReport(report: Report): string {
  const { sent, kept, durationMs } = report;
  const rate = sent.bytes === 0 ? "" : `, ${formatBytes(Math.round(sent.bytes / (durationMs / 1000)))}/s`;
  return `backed up ${formatCount(report.tables, "table")} in ${formatDuration(durationMs)}: ${formatFiles(sent)} uploaded, ${formatFiles(kept)} already stored${rate}
backup ${report.name}
in ${report.location}`;
}
