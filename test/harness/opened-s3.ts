import { type S3Dialect, s3Dialects } from "../../src/storage/s3/options.ts";
import { type S3StorageOptions, s3Storage } from "../../src/storage/s3/s3.ts";
import type { ObjectStore } from "./object-stores.ts";
import { type OpenedStore, openThroughProxy, usualMeans } from "./opened-store.ts";

export interface OpenedS3Options extends Partial<Omit<S3StorageOptions, "dialect">> {
  readonly dialect?: Partial<S3Dialect>;
}

export function openS3(store: ObjectStore, options: OpenedS3Options = {}): Promise<OpenedStore> {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = store.credentials;
  const environment = { AWS_ACCESS_KEY_ID, AWS_SECRET_KEY };
  return openThroughProxy(store, options.bucket, (bucket, endpoint) =>
    s3Storage({
      ...usualMeans,
      ...options,
      bucket,
      dialect: { ...s3Dialects.aws, name: "of the test", ...options.dialect },
      s3: { endpoint, environment, region: "us-east-1", pathStyle: true, ...options.s3 },
    }),
  );
}
