import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { defaultRetryPolicy } from "../../src/retry/retry.ts";
import { type S3Dialect, s3Dialects } from "../../src/storage/s3/options.ts";
import { s3Storage } from "../../src/storage/s3/s3.ts";
import { openStorage, type Storage, type StoreProtocol } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing/testing.ts";
import { casesOn } from "../harness/cases-on.ts";
import { startCeph } from "../harness/ceph.ts";
import { type ObjectStore, startStore, type Unavailable } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import { partBytes } from "./proxied-s3.ts";
import { describeStorageContract } from "./storage-contract.ts";
import { bucketFixture } from "./storage-fixture.ts";

const shared = { clock: systemClock, random: Math.random, log: silentLogger };

type Open = (store: ObjectStore, bucket: string) => Promise<Storage>;

/** The driver as another dialect, with parts so small that the large objects of the suite come in several. */
function like(dialect: S3Dialect, partBytes?: number): Open {
  return async (store, bucket) => {
    const storage = await s3Storage({
      ...shared,
      bucket,
      dialect: { ...dialect, name: "of the test" },
      s3: { endpoint: store.endpoint, environment: esopEnvironment(store), region: "us-east-1", pathStyle: true },
      retry: defaultRetryPolicy,
      partBytes,
    });
    // A server that is asked for many things at once may well answer that it cannot just now.
    return withRetries(storage, { ...shared, ...defaultRetryPolicy, intervalMs: 20 });
  };
}

function opened(protocol: StoreProtocol): Open {
  return (store, bucket) => {
    const settings = { endpoint: store.endpoint, environment: esopEnvironment(store) };
    return openStorage({ protocol, bucket }, { ...shared, settings });
  };
}

/** So that no test depends on the environment of the process. */
function esopEnvironment({ credentials }: ObjectStore) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = credentials;
  return { AWS_ACCESS_KEY_ID, AWS_SECRET_KEY };
}

interface Suite {
  readonly name: string;
  start(): Promise<ObjectStore | Unavailable>;
  readonly ways: Readonly<Record<string, Open>>;
  /** As which an upload that was cut off is gone on with; left out where the server does not list such uploads. */
  readonly resumes?: S3Dialect;
}

const suites: readonly Suite[] = [
  {
    name: "versitygw",
    start: () => startStore("versitygw"),
    ways: {
      "as AWS, in parts": like(s3Dialects.aws, partBytes),
      "as an unknown server, in parts": like(s3Dialects.compatible, partBytes),
      "as Oracle": like(s3Dialects.oracle),
      "as it is opened": opened("s3"),
    },
    resumes: s3Dialects.aws,
  },
  {
    name: "MinIO",
    start: () => startStore("minio"),
    ways: { "as it is opened": opened("minio"), "in parts": like(s3Dialects.minio, partBytes) },
  },
  {
    name: "Ceph",
    start: startCeph,
    ways: { "as it is opened": opened("ceph"), "in parts": like(s3Dialects.ceph, partBytes) },
    resumes: s3Dialects.ceph,
  },
];

for (const { name, start, ways, resumes } of suites) {
  casesOn(`S3, ${name}`, await start(), (store) => {
    for (const [way, open] of Object.entries(ways)) {
      // Dates are whole seconds.
      describeStorageContract(
        way,
        bucketFixture((bucket) => open(store, bucket), { dateMs: 2000 }),
      );
    }
    if (resumes !== undefined) {
      test("an upload that was cut off is gone on with", () => goesOn(store, resumes));
    }
  });
}

async function goesOn(store: ObjectStore, dialect: S3Dialect): Promise<void> {
  const options = { partBytes, ownDepth: 1, dialect, retry: { ...defaultRetryPolicy, maxAttempts: 1 } };
  await using cut = await openS3(store, { ...options, s3: { maxUploads: 1 } });
  const bytes = sampleBytes(3 * partBytes + 1);
  const isPart = (number: number) => (request: SeenRequest) => request.url.includes(`partNumber=${number}`);
  cut.proxy.spoilOne(isPart(3), { kind: "reset" });
  await expect(cut.storage.put("a/k", bytesSource(bytes))).rejects.toMatchObject({ code: "unreachable" });
  await using again = await openS3(store, { ...options, bucket: cut.bucket });
  await again.storage.put("a/k", bytesSource(bytes));
  expect([1, 2, 3, 4].map((number) => again.proxy.seen.some(isPart(number)))).toEqual([false, false, true, true]);
  expect((await collect(await again.storage.get("a/k"))).equals(bytes)).toBe(true);
}
