/** What the Azure driver makes of servers and networks that fail, on a real server behind a proxy that spoils. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { accountUrl, connectionString, startAzurite } from "../harness/azurite.ts";
import { casesOn } from "../harness/cases-on.ts";
import { openAzure } from "../harness/opened-azure.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { describeFaults } from "./faults-contract.ts";
import { blockBytes, proxiedAzure } from "./proxied-azure.ts";
import { mebibyte } from "./proxied-store.ts";
import { text } from "./storage-fixture.ts";

casesOn("faults: Azure", await startAzurite(), (server) => {
  describeFaults(proxiedAzure(server));

  describe("credentials", () => {
    test.each([{ endpoint: undefined }, { endpoint: "the proxy" }])(
      "as a connection string, endpoint: %o",
      async (told) => {
        const AZURE_STORAGE_CONNECTION_STRING = connectionString(server.endpoint);
        await using made = await openAzure(server);
        await made.storage.put("k", text("x"));
        const environment = { AZURE_STORAGE_CONNECTION_STRING };
        await using azure = await openAzure(server, {
          container: made.bucket,
          settings: { environment, ...(told.endpoint === undefined ? { endpoint: undefined } : {}) },
        });
        expect(await azure.storage.stat("k")).toMatchObject({ sizeBytes: 1 });
        expect((await collect(await azure.storage.get("k"))).toString()).toBe("x");
        expect(azure.proxy.seen).toHaveLength(told.endpoint === undefined ? 0 : 2);
      },
    );

    test("as a shared access signature", async () => {
      await using made = await openAzure(server);
      const { AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY } = server.credentials;
      const sdk = await import("@azure/storage-blob");
      const AZURE_STORAGE_SAS_TOKEN = sdk
        .generateAccountSASQueryParameters(
          {
            services: "b",
            resourceTypes: "sco",
            permissions: sdk.AccountSASPermissions.parse("rwdlacut"),
            expiresOn: new Date(systemClock.now() + 3_600_000),
          },
          new sdk.StorageSharedKeyCredential(AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY),
        )
        .toString();
      const environment = { AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN };
      await using azure = await openAzure(server, { container: made.bucket, blockBytes, settings: { environment } });
      const { storage } = azure;
      const bytes = sampleBytes(2 * mebibyte + 3);
      await storage.put("a/k +", bytesSource(bytes), { metadata: { a: "b" } });
      await storage.put("a/k2", text("x"));
      expect((await collect(await storage.get("a/k +"))).equals(bytes)).toBe(true);
      await storage.refresh("a/k +");
      // One by one: Azurite does not know this signature in a batch.
      for (const key of ["a/k +", "a/k2"]) expect(await storage.delete([key])).toEqual({ failed: [] });
      expect(await toArray(storage.list(""))).toEqual([]);
    });

    test("of an identity go with every request over HTTPS, and are missing where there is none", async () => {
      const environment = {
        AZURE_STORAGE_ACCOUNT: "a",
        AZURE_TENANT_ID: "11111111-1111-1111-1111-111111111111",
        AZURE_CLIENT_ID: "22222222-2222-2222-2222-222222222222",
        AZURE_FEDERATED_TOKEN_FILE: "/nowhere/token",
      };
      const settings = { environment, endpoint: "https://127.0.0.1:1/" };
      await using azure = await openAzure(server, { container: "ccc", settings });
      const unauthorized = { code: "unauthorized", hint: expect.stringContaining("AZURE_FEDERATED_TOKEN_FILE") };
      await expect(azure.storage.get("k")).rejects.toMatchObject(unauthorized);
      await expect(azure.storage.stat("k")).rejects.toMatchObject(unauthorized);
      const insecure = { environment, endpoint: accountUrl(server.endpoint) };
      await expect(openAzure(server, { settings: insecure })).rejects.toMatchObject({ code: "usage" });
    });
  });
});
