import { AppError } from "../errors.ts";
import type { StorageOptions } from "../request/request.ts";
import { openStorage } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import type { CommandContext } from "./command.ts";

/** A node's own part of a bucket is cluster/datacenter/node/. */
const nodeDepth = 3;

/** The store that a request names. `tidy: false` leaves alone what earlier runs have not finished. */
export function openRequestedStorage(
  request: StorageOptions,
  { clock, log, environment }: CommandContext,
  readOnly: boolean,
  { tidy = true }: { readonly tidy?: boolean } = {},
): Promise<Storage> {
  const { storageLocation, retry, concurrentConnections: maxUploads, insecureHttp, proxy, kmsKeyId } = request;
  if (kmsKeyId !== undefined && !readOnly) {
    throw new AppError("unsupported", "objects cannot be encrypted before they leave yet", {
      hint: "leave out --kms-key-id and AWS_KMS_KEY_ID; the store can encrypt: --server-side-encryption",
    });
  }
  const { protocol, root, bucket } = storageLocation;
  const location = { protocol, bucket, ...(root === undefined ? {} : { root }) };
  const { intervalMs, strategy, maxAttempts } = retry;
  return openStorage(location, {
    clock,
    log,
    random: Math.random,
    readOnly,
    retry: { intervalMs, strategy, maxAttempts: retry.enabled ? maxAttempts : 1 },
    settings: { ...request.s3, insecureHttp, proxy, maxUploads, environment },
    ...(tidy ? { ownDepth: nodeDepth } : {}),
  });
}

/** One command works on one node; what works on a whole cluster is not built yet, and must not pretend to have. */
export function refuseGlobal({ globalRequest }: { readonly globalRequest: boolean }): void {
  if (!globalRequest) return;
  throw new AppError("unsupported", "--global-request is not supported here yet", {
    hint: "run the command on every node, with the same --snapshot-tag",
  });
}
