import { join } from "node:path";
import { silentLogger } from "../../src/log.ts";
import { defaultRetryPolicy } from "../../src/retry/retry.ts";
import { fileStorage } from "../../src/storage/file/file.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { memoryStorage, randomlyFaultyStorage, withRetries } from "../../src/storage/testing/testing.ts";
import { ManualClock } from "../harness/manual-clock.ts";
import { seededRandom } from "../harness/sample-bytes.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";
import { describeStorageContract, type StorageFixture } from "./storage-contract.ts";

/** A clock that stands ahead of the file system's, and whose sleeps end at once. */
function fastClock(): ManualClock {
  const clock = new ManualClock(Date.now());
  return Object.assign(clock, { sleep: async () => undefined });
}

async function fileFixture(
  open: (root: string, bucket: string, clock: ManualClock) => Promise<Storage>,
): Promise<StorageFixture> {
  const directory = await temporaryDirectory();
  const root = join(directory.path, "root");
  const clock = fastClock();
  const storage = await open(root, "bucket", clock);
  await fileStorage({ root, bucket: "bucket", clock }).createBucket();
  return {
    storage,
    other: fileStorage({ root, bucket: "bucket", clock }),
    missing: await open(join(root, "further", "down"), "missing", clock),
    passTime: () => clock.advance(10_000),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function memoryFixture(wrap: (storage: Storage, clock: ManualClock) => Storage): Promise<StorageFixture> {
  const clock = fastClock();
  const memory = memoryStorage({ clock });
  return {
    storage: wrap(memory, clock),
    other: memory,
    missing: wrap(memoryStorage({ clock, bucketExists: false }), clock),
    passTime: () => clock.advance(10_000),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describeStorageContract("file", () => fileFixture(async (root, bucket, clock) => fileStorage({ root, bucket, clock })));
describeStorageContract("file, as it is opened", () =>
  fileFixture((root, bucket, clock) =>
    openStorage({ protocol: "file", root, bucket }, { clock, random: () => 0.5, log: silentLogger }),
  ),
);
describeStorageContract("memory", () => memoryFixture((storage) => storage));

const seed = 20_261_123;
describeStorageContract(`memory that fails at random (seed ${seed}), with retries`, () => {
  const random = seededRandom(seed);
  return memoryFixture((storage, clock) =>
    withRetries(randomlyFaultyStorage(storage, { random, rate: 0.3 }), {
      ...defaultRetryPolicy,
      clock,
      random,
      log: silentLogger,
      maxAttempts: 50,
    }),
  );
});
