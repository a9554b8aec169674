/** The main job with a store that speaks S3. */
import { afterAll, describe, it } from "vitest";
import { backUpDestroyRestoreRemove } from "../harness/main-job.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";

const store = await startStore("versitygw");

describe.skipIf("reason" in store)(`a store of S3${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  it("takes backups of a real node, gives every row back, and gets rid of them", async () => {
    // Esop's own names.
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = server.credentials;
    const environment = {
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_KEY,
      AWS_ENDPOINT: server.endpoint,
      AWS_ENABLE_PATH_STYLE_ACCESS: "true",
    };
    await backUpDestroyRestoreRemove({ protocol: "s3", environment });
  });
});
