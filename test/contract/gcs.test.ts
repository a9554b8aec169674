import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { defaultRetryPolicy } from "../../src/retry/retry.ts";
import { gcsStorage } from "../../src/storage/gcs/gcs.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing/testing.ts";
import { casesOn } from "../harness/cases-on.ts";
import { startGcsServers } from "../harness/fake-gcs.ts";
import { describeStorageContract } from "./storage-contract.ts";
import { bucketFixture } from "./storage-fixture.ts";

const shared = { clock: systemClock, random: Math.random, log: silentLogger };
const environment = { GOOGLE_CLOUD_PROJECT: "p" };

type Open = (endpoint: string, bucket: string) => Promise<Storage>;

const ways = {
  "as it is opened": (endpoint, bucket) =>
    openStorage({ protocol: "gcp", bucket }, { ...shared, settings: { endpoint, environment } }),
  "in small chunks": async (endpoint, bucket) => {
    const options = { endpoint, environment };
    const chunkBytes = 512 * 1024;
    const storage = await gcsStorage({ ...shared, bucket, options, retry: defaultRetryPolicy, chunkBytes });
    return withRetries(storage, { ...shared, ...defaultRetryPolicy, intervalMs: 20 });
  },
} satisfies Readonly<Record<string, Open>>;

casesOn("Google Cloud Storage", await startGcsServers(), ({ rough, sessions }) => {
  const onto = (endpoint: string, open: Open) => bucketFixture((bucket) => open(endpoint, bucket), { dateMs: 1000 });
  for (const [way, open] of Object.entries(ways)) {
    describeStorageContract(way, onto(rough.endpoint, open));
  }
  const strict = onto(sessions.endpoint, ways["in small chunks"]);
  describeStorageContract("with sessions as Google has them, in small chunks", strict);
});
