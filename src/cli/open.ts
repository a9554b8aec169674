import { AppError } from "../errors.ts";
import type { StorageOptions } from "../request/request.ts";
import { openStorage } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import type { CommandContext } from "./command.ts";

/** The store that a request names. */
export function openRequestedStorage(
  { storageLocation, retry }: StorageOptions,
  { clock, log }: CommandContext,
  readOnly: boolean,
): Promise<Storage> {
  const { protocol, root, bucket } = storageLocation;
  const location = { protocol, bucket, ...(root === undefined ? {} : { root }) };
  const maxAttempts = retry.enabled ? retry.maxAttempts : 1;
  return openStorage(location, { clock, log, random: Math.random, readOnly, maxAttempts });
}

/** One command works on one node; what works on a whole cluster is not built yet, and must not pretend to have. */
export function refuseGlobal({ globalRequest }: { readonly globalRequest: boolean }): void {
  if (!globalRequest) return;
  throw new AppError("unsupported", "--global-request is not supported here yet", {
    hint: "run the command on every node, with the same --snapshot-tag",
  });
}
