import { check } from "../preflight/preflight.ts";
import type { RunVerb } from "./reports.ts";

/** A call that lasts longer than this would not let a backup live either. */
const longCallTimeoutMs = 60_000;

export const runCheck: RunVerb<"check"> = async (request, context, resources) => {
  return check(request, {
    ...context,
    keys: await resources.keys(request),
    openNode: () => resources.node(request.jmx, longCallTimeoutMs),
    openStorage: () => resources.storage(request, { readOnly: false }),
  });
};
