import { openRequestedStorage, refuseGlobal, requestedKeys } from "../../app/app.ts";
import { type BackupDependencies, type BackupPlan, type BackupReport, backup, planOnly } from "../../backup/backup.ts";
import { connectNode } from "../../cassandra/cassandra.ts";
import type { BackupRequest } from "../../request/request.ts";
import { formatBytes, formatCount, formatDuration, formatFiles } from "../../units.ts";
import type { Command, CommandContext } from "../command.ts";

export const backupCommand: Command<BackupRequest> = {
  async run(request, context) {
    refuseGlobal(request);
    const { clock, log, output, signal } = context;
    const storage = await openRequestedStorage(request, context, request.dryRun);
    try {
      const node = await connectNode(request.jmx, { longCallTimeoutMs: request.timeoutMs, signal });
      try {
        const keys = requestedKeys(request, context);
        const { progress } = output;
        try {
          await perform(request, context, { storage, node, keys, clock, log, progress, signal });
        } finally {
          await keys.close();
        }
      } finally {
        await node.close();
      }
    } finally {
      await storage.close();
    }
  },
};

async function perform(request: BackupRequest, { output }: CommandContext, dependencies: BackupDependencies) {
  if (request.dryRun) {
    const plan = await planOnly(request, dependencies);
    output.result({ type: "plan", ...summary(plan), tables: plan.tables.map(tableLine) }, () => describePlan(plan));
  } else {
    const report = await backup(request, dependencies);
    output.result({ type: "backup", ...report }, () => describeReport(report));
  }
}

function summary({ send, keep, tables }: BackupPlan) {
  return { send, keep, tableCount: tables.length };
}

function tableLine({ table, files }: BackupPlan["tables"][number]) {
  const send = files.filter(({ action }) => action === "send");
  const bytes = send.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  return { table: `${table.keyspace}.${table.table}`, sendFiles: send.length, sendBytes: bytes, files: files.length };
}

function describePlan(plan: BackupPlan): string {
  const lines = plan.tables
    .map(tableLine)
    .filter(({ sendFiles }) => sendFiles > 0)
    .map(({ table, sendFiles, sendBytes }) => `  ${table}: ${formatFiles({ files: sendFiles, bytes: sendBytes })}`);
  const { send, keep } = plan;
  return [
    ...(lines.length === 0 ? [] : ["would send:", ...lines]),
    `${formatCount(plan.tables.length, "table")}: ${formatFiles(send)} to send, ${formatFiles(keep)} already there`,
    "memtables are not counted: a backup flushes them first",
  ].join("\n");
}

function describeReport(report: BackupReport): string {
  const { sent, kept, durationMs } = report;
  const rate = sent.bytes === 0 ? "" : `, ${formatBytes(Math.round(sent.bytes / (durationMs / 1000)))}/s`;
  return `backed up ${formatCount(report.tables, "table")} in ${formatDuration(durationMs)}: ${formatFiles(sent)} new, ${formatFiles(kept)} already there${rate}
backup ${report.name}
in ${report.location}`;
}
