import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { defaultRetryPolicy, type RetryPolicy, withRetries } from "./retry.ts";
import type { S3Options } from "./s3-options.ts";
import type { Storage } from "./storage.ts";
import { withLogging, withoutWriting } from "./wrap.ts";

export type StoreProtocol = "file" | "s3" | "azure" | "gcp" | "ceph" | "minio" | "oracle";

/** Where a bucket is. */
export interface BucketLocation {
  readonly protocol: StoreProtocol;
  /** Of `file` only: absolute path of the directory that holds the bucket. */
  readonly root?: string;
  readonly bucket: string;
}

export interface OpenOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
  /** Refuse everything that changes the store, as a dry run must. */
  readonly readOnly?: boolean;
  readonly retry?: RetryPolicy | undefined;
  /** Of remote stores; each takes what it knows. */
  readonly settings?: S3Options;
  /** Leading segments of a key that name what one machine alone writes, and may tidy up. */
  readonly ownDepth?: number;
}

/** The driver for the location, loaded only now, with all that is wrapped around it. Close it when done. */
export async function openStorage(location: BucketLocation, options: OpenOptions): Promise<Storage> {
  const driver = await openDriver(location, options);
  // Logging is inside retrying, so that every try is seen.
  const storage = withRetries(withLogging(driver, options.log, options.clock), {
    clock: options.clock,
    random: options.random,
    log: options.log,
    ...(options.retry ?? defaultRetryPolicy),
  });
  return options.readOnly === true ? withoutWriting(storage) : storage;
}

async function openDriver(location: BucketLocation, options: OpenOptions): Promise<Storage> {
  switch (location.protocol) {
    case "file": {
      if (location.root === undefined) throw new AppError("usage", "a file store needs the path of its root directory");
      const { fileStorage } = await import("./file.ts");
      return fileStorage({ root: location.root, bucket: location.bucket, clock: options.clock });
    }
    case "s3":
    case "ceph":
    case "minio":
    case "oracle": {
      const { bucket, protocol } = location;
      const { clock, random, log, ownDepth, settings: s3 = {}, retry = defaultRetryPolicy } = options;
      const [{ s3Storage }, { dialectOf }] = await Promise.all([import("./s3.ts"), import("./s3-options.ts")]);
      return s3Storage({ bucket, dialect: dialectOf(protocol, s3), s3, clock, random, log, retry, ownDepth });
    }
    case "gcp": {
      const { clock, random, log, settings = {}, retry = defaultRetryPolicy } = options;
      const { gcsStorage } = await import("./gcs.ts");
      return gcsStorage({ bucket: location.bucket, options: settings, clock, random, log, retry });
    }
    case "azure": {
      const { clock, random, log, settings = {}, retry = defaultRetryPolicy } = options;
      const { azureStorage } = await import("./azure.ts");
      return azureStorage({ container: location.bucket, settings, clock, random, log, retry });
    }
  }
}
