import type { Clock } from "../clock.ts";
import { AdaptiveLimit } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { defaultRetryPolicy, RetryBudget, type RetryPolicy } from "../retry/retry.ts";
import type { Storage } from "./contract.ts";
import type { S3Options } from "./s3/options.ts";
import { withLimit } from "./wrappers/limit.ts";
import { withLogging } from "./wrappers/logging.ts";
import { withoutWriting } from "./wrappers/read-only.ts";
import { withRetries } from "./wrappers/retries.ts";

export type StoreProtocol = "file" | "s3" | "azure" | "gcp" | "ceph" | "minio" | "oracle";

/** Where a bucket is. */
export interface BucketLocation {
  readonly protocol: StoreProtocol;
  /** Of `file` only: absolute path of the directory that holds the bucket. */
  readonly root?: string | undefined;
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
  readonly ownDepth?: number | undefined;
}

/** The driver for the location, loaded only now, with all that is wrapped around it. Close it when done. */
export async function openStorage(location: BucketLocation, options: OpenOptions): Promise<Storage> {
  const { clock, random, log } = options;
  const limit = new AdaptiveLimit(clock);
  const retry: RetryPolicy = { ...(options.retry ?? defaultRetryPolicy), budget: new RetryBudget() };
  const driver = await openDriver(location, { ...options, retry: { ...retry, limit } });
  // Each try waits for its turn by itself, and is seen in the log.
  const limited = withLimit(withLogging(driver, log, clock), limit);
  const storage = withRetries(limited, { clock, random, log, ...retry });
  return options.readOnly === true ? withoutWriting(storage) : storage;
}

async function openDriver(
  location: BucketLocation,
  options: OpenOptions & { readonly retry: RetryPolicy },
): Promise<Storage> {
  switch (location.protocol) {
    case "file": {
      if (location.root === undefined) throw new AppError("usage", "a file store needs the path of its root directory");
      const { fileStorage } = await import("./file/file.ts");
      return fileStorage({ root: location.root, bucket: location.bucket, clock: options.clock });
    }
    case "s3":
    case "ceph":
    case "minio":
    case "oracle": {
      const { bucket, protocol } = location;
      const { clock, random, log, ownDepth, settings = {}, retry } = options;
      const [{ s3Storage }, { dialectOf, withAwsVariables }] = await Promise.all([
        import("./s3/s3.ts"),
        import("./s3/options.ts"),
      ]);
      const s3 = withAwsVariables(settings);
      return s3Storage({ bucket, dialect: dialectOf(protocol, s3), s3, clock, random, log, retry, ownDepth });
    }
    case "gcp": {
      const { clock, random, log, settings = {}, retry } = options;
      const { gcsStorage } = await import("./gcs/gcs.ts");
      return gcsStorage({ bucket: location.bucket, options: settings, clock, random, log, retry });
    }
    case "azure": {
      const { clock, random, log, settings = {}, retry } = options;
      const { azureStorage } = await import("./azure/azure.ts");
      return azureStorage({ container: location.bucket, settings, clock, random, log, retry });
    }
  }
}
