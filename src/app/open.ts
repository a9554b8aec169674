import { AppError } from "../errors.ts";
import type { StorageOptions } from "../request/request.ts";
import type { RetryPolicy } from "../retry/retry.ts";
import { openStorage, type S3Options, type Storage } from "../storage/storage.ts";
import type { AppContext } from "./context.ts";

/** A node's own part of a bucket is cluster/datacenter/node/. */
const nodeDepth = 3;

/** The store that a request names. `tidy: false` leaves alone what earlier runs have not finished. */
export function openRequestedStorage(
  request: StorageOptions,
  { clock, log, environment }: AppContext,
  readOnly: boolean,
  { tidy = true }: { readonly tidy?: boolean } = {},
): Promise<Storage> {
  const { protocol, root, bucket } = request.storageLocation;
  const location = { protocol, bucket, ...(root === undefined ? {} : { root }) };
  return openStorage(location, {
    clock,
    log,
    random: Math.random,
    readOnly,
    retry: retryPolicy(request),
    settings: storeSettings(request, environment),
    ...(tidy ? { ownDepth: nodeDepth } : {}),
  });
}

/** What a store, or a service beside it, may be told. */
export function storeSettings(request: StorageOptions, environment: AppContext["environment"]): S3Options {
  const { s3, insecureHttp, proxy, concurrentConnections: maxUploads } = request;
  return { ...s3, insecureHttp, proxy, maxUploads, environment };
}

export function retryPolicy({ retry }: StorageOptions): RetryPolicy {
  const { intervalMs, strategy, maxAttempts, enabled } = retry;
  return { intervalMs, strategy, maxAttempts: enabled ? maxAttempts : 1 };
}

/** One command works on one node; what works on a whole cluster is not built yet, and must not pretend to have. */
export function refuseGlobal({ globalRequest }: { readonly globalRequest: boolean }): void {
  if (!globalRequest) return;
  throw new AppError("unsupported", "--global-request is not supported here yet", {
    hint: "run the command on every node, with the same --snapshot-tag",
  });
}
