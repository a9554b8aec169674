/** The main job with each of the stores that speak S3. */
import { describe, it } from "vitest";
import { startCeph } from "../harness/ceph.ts";
import { backUpDestroyRestoreRemove } from "../harness/main-job.ts";
import { startStore } from "../harness/object-stores.ts";

const stores = [
  { name: "versitygw", protocol: "s3", start: () => startStore("versitygw") },
  { name: "MinIO", protocol: "minio", start: () => startStore("minio") },
  { name: "Ceph", protocol: "ceph", start: startCeph },
] as const;

describe.each(stores)("a store of S3, $name", ({ protocol, start }) => {
  it("takes backups of a real node, gives every row back, and gets rid of them", async (context) => {
    const started = await start();
    if ("reason" in started) return context.skip(started.reason);
    await using server = started;
    // Esop's own names.
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = server.credentials;
    const environment = {
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_KEY,
      AWS_ENDPOINT: server.endpoint,
      AWS_ENABLE_PATH_STYLE_ACCESS: "true",
    };
    await backUpDestroyRestoreRemove({ protocol, environment });
  });
});
