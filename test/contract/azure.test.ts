import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { azureStorage } from "../../src/storage/azure.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { defaultRetryPolicy, withRetries } from "../../src/storage/testing.ts";
import { type Azurite, accountUrl, startAzurite } from "../harness/azurite.ts";
import { describeStorageContract, type MakeStorage } from "./storage-contract.ts";

const shared = { clock: systemClock, random: Math.random, log: silentLogger };

type Open = (store: Azurite, container: string) => Promise<Storage>;

const settingsOf = ({ endpoint, credentials }: Azurite) => ({
  endpoint: accountUrl(endpoint),
  environment: credentials,
});

const ways: Readonly<Record<string, Open>> = {
  "as it is opened": (store, bucket) =>
    openStorage({ protocol: "azure", bucket }, { ...shared, settings: settingsOf(store) }),
  // So small that the large objects of the suite come in several.
  "in blocks": async (store, container) => {
    const blockBytes = 1024 * 1024;
    const retry = { ...defaultRetryPolicy, intervalMs: 20 };
    const storage = await azureStorage({ ...shared, container, settings: settingsOf(store), retry, blockBytes });
    return withRetries(storage, { ...shared, ...retry });
  },
};

function fixtureOf(store: Azurite, open: Open): MakeStorage {
  return async () => {
    const container = `c-${randomUUID()}`;
    const [storage, other, missing] = await Promise.all([
      open(store, container),
      open(store, container),
      open(store, `missing-${randomUUID()}`),
    ]);
    await storage.createBucket();
    return {
      storage,
      other,
      missing,
      unfitKeys: ["back\\slash", "..."],
      // Dates are whole seconds of the server's clock, which nobody can set.
      passTime: () => delay(2000),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([storage, other, missing].map((one) => one.close()));
      },
    };
  };
}

const store = await startAzurite();
if ("reason" in store) {
  describe("storage contract: Azure", () => {
    test.skip(store.reason, () => undefined);
  });
} else {
  afterAll(() => store[Symbol.asyncDispose]());
  for (const [way, open] of Object.entries(ways)) describeStorageContract(`Azure ${way}`, fixtureOf(store, open));
}
