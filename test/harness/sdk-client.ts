import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type ObjectStore, testKeys } from "./object-stores.ts";

/** Looks at a store of S3 past the driver. */
export function sdkClient({ endpoint }: ObjectStore, more: S3ClientConfig = {}): S3Client {
  const credentials = { accessKeyId: testKeys.access, secretAccessKey: testKeys.secret };
  return new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials, ...more });
}
