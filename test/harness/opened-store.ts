import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type SpoilingProxy, spoilingProxy } from "./spoiling-proxy.ts";

/** A bare driver on a bucket of a real server, through a proxy. */
export interface OpenedStore extends AsyncDisposable {
  readonly storage: Storage;
  readonly bucket: string;
  readonly proxy: SpoilingProxy;
}

/** What every driver is given where a test says nothing else. */
export const usualMeans = {
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
  retry: { maxAttempts: 3, intervalMs: 10, strategy: "linear" },
} as const;

/** The bucket is a new one where none is named; one that is named may be missing. */
export async function openThroughProxy(
  server: { readonly port: number },
  named: string | undefined,
  open: (bucket: string, endpoint: string) => Promise<Storage>,
): Promise<OpenedStore> {
  const proxy = await spoilingProxy(server);
  const bucket = named ?? `b-${randomUUID()}`;
  const storage = await open(bucket, proxy.endpoint).catch(async (error: unknown) => {
    await proxy[Symbol.asyncDispose]();
    throw error;
  });
  if (named === undefined) await storage.createBucket();
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
