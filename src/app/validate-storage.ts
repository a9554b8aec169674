import { validateStorage } from "../preflight/preflight.ts";
import type { RunVerb } from "./reports.ts";

export const runValidateStorage: RunVerb<"validate-storage"> = async (request, context, resources) => {
  return validateStorage(request, {
    ...context,
    openStorage: () => resources.storage(request, { readOnly: false, tidy: false }),
  });
};
