import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { defaultRetryPolicy } from "../../src/retry/retry.ts";
import { azureStorage } from "../../src/storage/azure/azure.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing/testing.ts";
import { type Azurite, accountUrl, startAzurite } from "../harness/azurite.ts";
import { casesOn } from "../harness/cases-on.ts";
import { describeStorageContract } from "./storage-contract.ts";
import { bucketFixture } from "./storage-fixture.ts";

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

casesOn("Azure", await startAzurite(), (store) => {
  for (const [way, open] of Object.entries(ways)) {
    // Dates are whole seconds.
    const make = bucketFixture((bucket) => open(store, bucket), { dateMs: 2000, unfitKeys: ["back\\slash", "..."] });
    describeStorageContract(way, make);
  }
});
