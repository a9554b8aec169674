import { AppError } from "../errors.ts";

/** A run works on one node; what works on a whole cluster is not built yet, and must not pretend to have. */
export function refuseGlobal({ globalRequest }: { readonly globalRequest: boolean }): void {
  if (!globalRequest) return;
  throw new AppError("unsupported", "--global-request is not supported here yet", {
    hint: "run the command on every node, with the same --snapshot-tag",
  });
}
