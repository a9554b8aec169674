import { removeBackups } from "../catalog/catalog.ts";
import type { RunVerb } from "./reports.ts";

export const runRemoveBackup: RunVerb<"remove-backup"> = async (request, context, resources) => {
  const storage = await resources.storage(request, { readOnly: request.dry });
  return removeBackups(request, { ...context, storage });
};
