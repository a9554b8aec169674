import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { type GcsStorageOptions, gcsStorage } from "../../src/storage/gcs.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type SpoilingProxy, spoilingProxy } from "./spoiling-proxy.ts";

/** The bare driver on a new bucket of a real server, through a proxy. */
export interface OpenedGcs extends AsyncDisposable {
  readonly storage: Storage;
  readonly bucket: string;
  readonly proxy: SpoilingProxy;
}

export async function openGcs(
  server: { readonly port: number },
  options: Partial<GcsStorageOptions> = {},
): Promise<OpenedGcs> {
  const proxy = await spoilingProxy(server);
  const bucket = options.bucket ?? `b-${randomUUID()}`;
  const storage = await gcsStorage({
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    retry: { maxAttempts: 3, intervalMs: 10, strategy: "linear" },
    ...options,
    bucket,
    options: { endpoint: proxy.endpoint, environment: { GOOGLE_CLOUD_PROJECT: "p" }, ...options.options },
  }).catch(async (error: unknown) => {
    await proxy[Symbol.asyncDispose]();
    throw error;
  });
  if (options.bucket === undefined) await storage.createBucket();
  return {
    storage,
    bucket,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await storage.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
