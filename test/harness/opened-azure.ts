import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { type AzureStorageOptions, azureStorage } from "../../src/storage/azure.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type Azurite, accountUrl } from "./azurite.ts";
import { type SpoilingProxy, spoilingProxy } from "./spoiling-proxy.ts";

/** The bare driver on a new container of a real server, through a proxy. */
export interface OpenedAzure extends AsyncDisposable {
  readonly storage: Storage;
  readonly container: string;
  readonly proxy: SpoilingProxy;
}

export async function openAzure(store: Azurite, options: Partial<AzureStorageOptions> = {}): Promise<OpenedAzure> {
  const proxy = await spoilingProxy(store);
  const container = options.container ?? `c-${randomUUID()}`;
  const storage = await azureStorage({
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    retry: { maxAttempts: 3, intervalMs: 10, strategy: "linear" },
    ...options,
    container,
    settings: { endpoint: accountUrl(proxy.endpoint), environment: store.credentials, ...options.settings },
  }).catch(async (error: unknown) => {
    await proxy[Symbol.asyncDispose]();
    throw error;
  });
  if (options.container === undefined) await storage.createBucket();
  return {
    storage,
    container,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await storage.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
