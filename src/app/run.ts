import type { Requests } from "../request/request.ts";
import type { AppContext } from "./context.ts";
import type { AppVerb, Reports, RunVerb } from "./reports.ts";
import { Resources } from "./resources.ts";

/** Loaded only when it is to run. */
const verbs: { readonly [Name in AppVerb]: () => Promise<RunVerb<Name>> } = {
  backup: async () => (await import("./backup.ts")).runBackup,
  restore: async () => (await import("./restore.ts")).runRestore,
  list: async () => (await import("./list.ts")).runList,
  "remove-backup": async () => (await import("./remove-backup.ts")).runRemoveBackup,
  check: async () => (await import("./check.ts")).runCheck,
  "validate-storage": async () => (await import("./validate-storage.ts")).runValidateStorage,
  "rotate-key": async () => (await import("./rotate-key.ts")).runRotateKey,
};

/** Does what the request asks; when it returns or throws, nothing is left open. Throws AppError. */
export async function run<Name extends AppVerb>(
  verb: Name,
  request: Requests[Name],
  context: AppContext,
): Promise<Reports[Name]> {
  const runVerb = await verbs[verb]();
  await using resources = new Resources(context);
  // Without the await everything would be closed as soon as the verb first waits.
  return await runVerb(request, context, resources);
}
