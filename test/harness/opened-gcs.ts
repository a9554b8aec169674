import { type GcsStorageOptions, gcsStorage } from "../../src/storage/gcs/gcs.ts";
import { type OpenedStore, openThroughProxy, usualMeans } from "./opened-store.ts";

export function openGcs(
  server: { readonly port: number },
  options: Partial<GcsStorageOptions> = {},
): Promise<OpenedStore> {
  return openThroughProxy(server, options.bucket, (bucket, endpoint) =>
    gcsStorage({
      ...usualMeans,
      ...options,
      bucket,
      options: { endpoint, environment: { GOOGLE_CLOUD_PROJECT: "p" }, ...options.options },
    }),
  );
}
