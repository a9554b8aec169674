import { backup, planOnly } from "../backup/backup.ts";
import { refuseGlobal } from "./global.ts";
import type { RunVerb } from "./reports.ts";

export const runBackup: RunVerb<"backup"> = async (request, context, resources) => {
  refuseGlobal(request);
  const storage = await resources.storage(request, { readOnly: request.dryRun });
  const node = await resources.node(request.jmx, request.timeoutMs);
  const keys = await resources.keys(request);
  const dependencies = { ...context, storage, node, keys };
  if (request.dryRun) return { kind: "plan", ...(await planOnly(request, dependencies)) };
  return { kind: "backup", ...(await backup(request, dependencies)) };
};
