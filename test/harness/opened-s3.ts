import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import { type S3StorageOptions, s3Storage } from "../../src/storage/s3.ts";
import { type S3Dialect, s3Dialects } from "../../src/storage/s3-options.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { ObjectStore } from "./object-stores.ts";
import { type SpoilingProxy, spoilingProxy } from "./spoiling-proxy.ts";

/** The bare driver on a new bucket of a real server, through a proxy. */
export interface OpenedS3 extends AsyncDisposable {
  readonly storage: Storage;
  readonly bucket: string;
  readonly proxy: SpoilingProxy;
}

export interface OpenedS3Options extends Partial<Omit<S3StorageOptions, "dialect">> {
  readonly dialect?: Partial<S3Dialect>;
}

export async function openS3(store: ObjectStore, options: OpenedS3Options = {}): Promise<OpenedS3> {
  const proxy = await spoilingProxy(store);
  const bucket = options.bucket ?? `b-${randomUUID()}`;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = store.credentials;
  const storage = await s3Storage({
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    retry: { maxAttempts: 3, intervalMs: 10, strategy: "linear" },
    ...options,
    bucket,
    dialect: { ...s3Dialects.aws, name: "of the test", ...options.dialect },
    s3: {
      endpoint: proxy.endpoint,
      environment: { AWS_ACCESS_KEY_ID, AWS_SECRET_KEY },
      region: "us-east-1",
      pathStyle: true,
      ...options.s3,
    },
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
