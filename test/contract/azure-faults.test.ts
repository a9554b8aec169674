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

  describe("an answer of another form", () => {
    const ofStore = { "x-ms-request-id": "1" };
    const listing = (inside: string) =>
      `\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults>${inside}</EnumerationResults>`;
    const blob = (name: string) =>
      `<Blob>${name}<Properties><Last-Modified>Wed, 09 Sep 2009 09:20:02 GMT</Last-Modified><Content-Length>5</Content-Length></Properties></Blob>`;
    const whole = listing(`<Blobs>${blob("<Name>a</Name>")}</Blobs><NextMarker/>`);

    test.each([
      ["nothing", ""],
      ["a page for people", "<html><body>Sign in</body></html>"],
      ["what is no XML", "<!doctype html><br>"],
      ["a listing that ends early", whole.slice(0, -30)],
      ["a listing of something else", listing("<Containers/>")],
      ["blobs without names", listing(`<Blobs>${blob("")}</Blobs><NextMarker/>`)],
      ["names that cannot be decoded", listing(`<Blobs>${blob('<Name Encoded="true">%FF</Name>')}</Blobs>`)],
    ])("with %s is no listing, and worth asking for again", async (_, body) => {
      await using azure = await openAzure(server, { container: "ccc" });
      azure.proxy.spoil(() => ({ kind: "answer", status: 200, body, headers: ofStore }));
      await expect(toArray(azure.storage.list(""))).rejects.toMatchObject({ code: "protocol", retryable: true });
    });

    test("to the question for blocks ends an upload once it has been asked several times", async () => {
      await using azure = await openAzure(server, { blockBytes });
      const isList = ({ url }: { readonly url: string }) => url.includes("blocklisttype");
      azure.proxy.spoil((request) =>
        isList(request) ? { kind: "answer", status: 200, body: "<BlockList>", headers: ofStore } : undefined,
      );
      const put = azure.storage.put("k", bytesSource(sampleBytes(2 * mebibyte)));
      await expect(put).rejects.toMatchObject({ code: "protocol", retryable: false });
      expect(azure.proxy.seen.filter(isList)).toHaveLength(3);
    });

    test("about an object without a length, or about a batch, is a protocol error", async () => {
      await using azure = await openAzure(server, { container: "ccc" });
      azure.proxy.spoil(({ method }) => {
        return { kind: "answer", status: method === "HEAD" ? 200 : 202, body: "", headers: ofStore };
      });
      const failure = { code: "protocol", retryable: true };
      await expect(azure.storage.stat("k")).rejects.toMatchObject(failure);
      await expect(azure.storage.delete(["a", "b"])).rejects.toMatchObject(failure);
    });

    test("is none that is a listing of several pages, with names of any characters", async () => {
      await using azure = await openAzure(server, { container: "ccc" });
      const pages: Readonly<Record<string, string>> = {
        "": listing(`<Blobs>${blob("<Name> a&amp;&#13;&#10;b </Name>")}</Blobs><NextMarker>m &amp;/</NextMarker>`),
        "m &/": listing(
          `<Blobs>${blob('<Name Encoded="true">a%EF%BF%BE%25</Name>')}<BlobPrefix><Name>a/x/</Name></BlobPrefix></Blobs><NextMarker />`,
        ),
      };
      azure.proxy.spoil(({ url }) => {
        const marker = new URL(url, "http://h").searchParams.get("marker") ?? "";
        return { kind: "answer", status: 200, body: pages[marker] ?? "", headers: ofStore };
      });
      const modifiedMs = Date.UTC(2009, 8, 9, 9, 20, 2);
      expect(await toArray(azure.storage.list(""))).toEqual([
        { key: " a&\r\nb ", sizeBytes: 5, modifiedMs },
        { key: "a\ufffe%", sizeBytes: 5, modifiedMs },
      ]);
      expect(await azure.storage.children("a/")).toEqual(["x"]);
    });
  });

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
