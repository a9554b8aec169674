import { restore } from "../restore/restore.ts";
import { refuseGlobal } from "./global.ts";
import type { RunVerb } from "./reports.ts";

export const runRestore: RunVerb<"restore"> = async (request, context, resources) => {
  refuseGlobal(request);
  const storage = await resources.storage(request, { readOnly: true });
  const node = await resources.nodeIfUp(request.jmx, request.timeoutMs);
  const keys = await resources.keys(request);
  return restore(request, { ...context, storage, node, keys });
};
