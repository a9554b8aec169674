import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { gcsStorage } from "../../src/storage/gcs.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { defaultRetryPolicy, withRetries } from "../../src/storage/testing.ts";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { uploadSessions } from "../harness/upload-sessions.ts";
import { describeStorageContract, type MakeStorage } from "./storage-contract.ts";

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

function fixtureOf(endpoint: string, open: Open): MakeStorage {
  return async () => {
    const bucket = `b-${randomUUID()}`;
    const [storage, other, missing] = await Promise.all([
      open(endpoint, bucket),
      open(endpoint, bucket),
      open(endpoint, `missing-${randomUUID()}`),
    ]);
    await storage.createBucket();
    return {
      storage,
      other,
      missing,
      // Nobody can set the server's clock.
      passTime: () => delay(1000),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([storage, other, missing].map((one) => one.close()));
      },
    };
  };
}

const server = await startFakeGcs();
if ("reason" in server) {
  describe("storage contract: Google Cloud Storage", () => {
    test.skip(server.reason, () => undefined);
  });
} else {
  const sessions = await uploadSessions(server);
  afterAll(async () => {
    await sessions[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  for (const [way, open] of Object.entries(ways)) {
    describeStorageContract(`Google Cloud Storage ${way}`, fixtureOf(server.endpoint, open));
  }
  const strict = fixtureOf(sessions.endpoint, ways["in small chunks"]);
  describeStorageContract("Google Cloud Storage with sessions as Google has them, in small chunks", strict);
}
