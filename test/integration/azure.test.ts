/** The main job with Azure's Blob Storage. */
import { afterAll, describe, it } from "vitest";
import { type Azurite, connectionString, startAzurite } from "../harness/azurite.ts";
import { backUpDestroyRestoreRemove } from "../harness/main-job.ts";

const store = await startAzurite();

describe.skipIf("reason" in store)(`a store of Azure${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as Azurite;
  afterAll(() => server[Symbol.asyncDispose]());

  it("takes backups of a real node, gives every row back, and gets rid of them", async () => {
    const environment = { AZURE_STORAGE_CONNECTION_STRING: connectionString(server.endpoint) };
    await backUpDestroyRestoreRemove({ protocol: "azure", environment });
  });
});
