import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { withRetries } from "./retry.ts";
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
  /** Tries of one call, the first included; 5 when left out. */
  readonly maxAttempts?: number;
}

/** The driver for the location, loaded only now, with all that is wrapped around it. Close it when done. */
export async function openStorage(location: BucketLocation, options: OpenOptions): Promise<Storage> {
  const driver = await openDriver(location, options);
  // Logging is inside retrying, so that every try is seen.
  const storage = withRetries(withLogging(driver, options.log, options.clock), {
    clock: options.clock,
    random: options.random,
    log: options.log,
    maxAttempts: options.maxAttempts ?? 5,
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
    case "azure":
    case "gcp":
    case "ceph":
    case "minio":
    case "oracle":
      throw new AppError("unsupported", `object stores of the kind '${location.protocol}' are not supported yet`);
  }
}
