/** What the Azure driver makes of servers and networks that fail, on a real server behind a proxy that spoils. */
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing.ts";
import { type Azurite, accountUrl, connectionString, startAzurite } from "../harness/azurite.ts";
import { openAzure } from "../harness/opened-azure.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";

const store = await startAzurite();
const mebibyte = 1024 * 1024;
const blockBytes = mebibyte;
const retry = { maxAttempts: 4, intervalMs: 5, strategy: "linear" } as const;

const retrying = (storage: Storage) =>
  withRetries(storage, { ...retry, clock: systemClock, random: Math.random, log: silentLogger });
const isPut = ({ method }: SeenRequest) => method === "PUT";
const isGet = ({ method }: SeenRequest) => method === "GET";
const isBlock = ({ url }: SeenRequest) => /[?&]comp=block(&|$)/.test(url);
const isCommit = ({ method, url }: SeenRequest) => method === "PUT" && url.includes("comp=blocklist");
const small = () => bytesSource(Buffer.from("x"));

describe.skipIf("reason" in store)(`faults${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as Azurite;
  afterAll(() => server[Symbol.asyncDispose]());

  describe("a bit that flips on the way", () => {
    test.each([1000, 300_000, 3 * mebibyte])("is refused in %i bytes, and mended by trying again", async (size) => {
      await using azure = await openAzure(server);
      const { storage, proxy } = azure;
      const bytes = sampleBytes(size);
      proxy.spoilOne(isPut, { kind: "flip", at: size - 500 });
      const put = storage.put("k", bytesSource(bytes));
      await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
      expect(await toArray(storage.list(""))).toEqual([]);
      proxy.spoilOne(isPut, { kind: "flip", at: size / 2 });
      await retrying(storage).put("k", bytesSource(bytes));
      expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
    });

    test("in a block costs that block alone", async () => {
      await using azure = await openAzure(server, { blockBytes });
      const { storage, proxy } = azure;
      const bytes = sampleBytes(3 * mebibyte + 7);
      proxy.spoilOne(isBlock, { kind: "flip", at: 700_000 });
      await storage.put("k", bytesSource(bytes));
      expect(proxy.seen.filter(isBlock)).toHaveLength(5);
      expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
    });
  });

  describe("answers of the server", () => {
    test.each([
      [503, "ServerBusy", "throttled", true],
      [429, "", "throttled", true],
      [500, "InternalError", "storage", true],
      [500, "OperationTimedOut", "storage", true],
      [502, "", "storage", true],
      [409, "ContainerBeingDeleted", "storage", true],
      [403, "AuthenticationFailed", "unauthorized", false],
      [403, "AuthorizationPermissionMismatch", "unauthorized", false],
      [404, "ContainerNotFound", "not-found", false],
      [400, "Md5Mismatch", "corrupt", true],
      [400, "InvalidHeaderValue", "storage", false],
      [409, "BlobArchived", "storage", false],
      [412, "LeaseIdMissing", "storage", false],
      [501, "NotImplemented", "unsupported", false],
    ])("%i %s is %s, worth trying again: %s", async (status, code, expected, retryable) => {
      await using azure = await openAzure(server);
      const { storage, proxy } = azure;
      const body =
        code === "" ? "<html>" : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.</Message></Error>`;
      const told: Record<string, string> = code === "" ? {} : { "x-ms-error-code": code };
      proxy.spoil(() => ({ kind: "answer", status, body, headers: { "content-type": "application/xml", ...told } }));
      const calls = [
        () => storage.put("k", small()),
        () => storage.get("k"),
        () => storage.children("a/"),
        () => toArray(storage.list("")),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: expected, retryable });
    });

    test("name what the operator can do", async () => {
      await using azure = await openAzure(server);
      const { storage, proxy, container } = azure;
      const headers = { "x-ms-error-code": "AuthorizationPermissionMismatch" };
      const body = "<Error><Message>This is not permitted.\nRequestId:1\nTime:2</Message></Error>";
      proxy.spoil(() => ({ kind: "answer", status: 403, headers, body }));
      await expect(storage.put("a/k", small())).rejects.toMatchObject({
        message: `cannot write 'a/k' in container azure://${container}: the store answered AuthorizationPermissionMismatch: this is not permitted`,
        hint: expect.stringContaining("Storage Blob Data Contributor"),
      });
      const denied = { code: "unauthorized", hint: expect.stringContaining("Storage Blob Data Reader") };
      await expect(storage.stat("a/k")).rejects.toMatchObject(denied);
      await expect(storage.bucketExists()).rejects.toMatchObject(denied);
    });

    test("of single keys of a deletion are told apart", async () => {
      await using azure = await openAzure(server);
      const { storage, proxy } = azure;
      const row = (id: number, status: string, code: string) =>
        `--b\r\nContent-Type: application/http\r\nContent-ID: ${id}\r\n\r\nHTTP/1.1 ${status}\r\n${code === "" ? "" : `x-ms-error-code: ${code}\r\n`}x-ms-version: 1\r\n\r\n`;
      const body = `${row(0, "403 No", "AuthorizationPermissionMismatch")}${row(1, "503 Busy", "ServerBusy")}${row(2, "404 Gone", "BlobNotFound")}${row(3, "202 Accepted", "")}--b--`;
      const headers = { "content-type": "multipart/mixed; boundary=b" };
      proxy.spoil(() => ({ kind: "answer", status: 202, body, headers }));
      const { failed } = await storage.delete(["a", "b", "c", "d"]);
      expect(failed).toMatchObject([
        { key: "a", error: { code: "unauthorized" } },
        { key: "b", error: { code: "throttled", retryable: true } },
      ]);
    });
  });

  describe("a network that fails", () => {
    const timeouts = { connectMs: 5000, idleMs: 1000 };

    /** With time to store it; what comes then is given up soon. */
    async function openWith(bytes: Buffer) {
      await using patient = await openAzure(server);
      await patient.storage.put("k", bytesSource(bytes));
      return openAzure(server, { container: patient.container, timeouts });
    }

    test("resets and silence are worth trying again", async () => {
      await using azure = await openWith(sampleBytes(3 * mebibyte));
      const { storage, proxy } = azure;
      for (const spoil of [{ kind: "reset" }, { kind: "silence" }, { kind: "lose-answer" }] as const) {
        const code = spoil.kind === "silence" ? "timeout" : "unreachable";
        proxy.spoil(() => spoil);
        const calls = [
          () => storage.get("k"),
          () => storage.put("k2", bytesSource(sampleBytes(2 * mebibyte))),
          () => storage.put("k2", bytesSource(sampleBytes(10))),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code, retryable: true });
        if (spoil.kind !== "silence") await expect(storage.stat("k")).rejects.toMatchObject({ code, retryable: true });
      }
    });

    test.each(["cut", "stall"] as const)(
      "a read that is %s midway fails, and goes on where it stopped",
      async (kind) => {
        const bytes = sampleBytes(3 * mebibyte);
        await using azure = await openWith(bytes);
        const { storage, proxy } = azure;
        proxy.spoil((request) => (isGet(request) ? { kind, after: mebibyte } : undefined));
        const failure = { code: kind === "cut" ? "unreachable" : "timeout", retryable: true };
        await expect(collect(await storage.get("k"))).rejects.toMatchObject(failure);
        proxy.forget();
        expect((await collect(await retrying(storage).get("k"))).equals(bytes)).toBe(true);
        const starts = proxy.seen.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? "bytes=0-")?.[1]));
        expect(starts.length).toBeGreaterThanOrEqual(3);
        expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
      },
    );

    test("a server that takes no connection is given up", async () => {
      // Accepts, and never says a word of the handshake.
      const deaf = createServer(() => undefined).listen(0, "127.0.0.1");
      await once(deaf, "listening");
      const address = deaf.address();
      const port = typeof address === "object" ? address?.port : undefined;
      const settings = { endpoint: `https://127.0.0.1:${port}` };
      await using azure = await openAzure(server, {
        ...{ container: "ccc", settings },
        timeouts: { connectMs: 200, idleMs: 60_000 },
      });
      await expect(azure.storage.get("k")).rejects.toMatchObject({ code: "timeout", retryable: true });
      deaf.close();
    });
  });

  describe("an upload in blocks", () => {
    const source = () => bytesSource(sampleBytes(3 * mebibyte + 5));
    const options = { blockBytes, retry } as const;

    test.each([isBlock, isCommit])(
      "that cannot be finished makes no object, and is not tried as a whole",
      async (fits) => {
        await using azure = await openAzure(server, options);
        const { storage, proxy } = azure;
        proxy.spoil((request) => (fits(request) ? { kind: "answer", status: 500 } : undefined));
        await expect(storage.put("k", source())).rejects.toMatchObject({ code: "storage", retryable: false });
        expect(await storage.stat("k")).toBeUndefined();
        expect(await toArray(storage.list(""))).toEqual([]);
      },
    );

    test.each(["lose-answer", "reset"] as const)("whose list meets a %s is there all the same", async (kind) => {
      await using azure = await openAzure(server, options);
      const { storage, proxy } = azure;
      proxy.spoilOne(isCommit, { kind });
      await storage.put("k", source());
      proxy.spoilOne(isCommit, { kind });
      await storage.put("free", source(), { ifAbsent: true });
      for (const key of ["k", "free"]) expect(await storage.stat(key)).toMatchObject({ sizeBytes: 3 * mebibyte + 5 });
    });

    test("of a key that another takes meanwhile is not taken for ours", async () => {
      await using azure = await openAzure(server, options);
      const { storage, proxy } = azure;
      const [other, ours] = [sampleBytes(3 * mebibyte, 2), source()];
      await storage.put("k", bytesSource(other));
      proxy.spoilOne(isCommit, { kind: "reset" });
      await expect(storage.put("k", ours, { ifAbsent: true })).rejects.toMatchObject({ code: "already-exists" });
      expect((await collect(await storage.get("k"))).equals(other)).toBe(true);
    });
  });

  describe("credentials", () => {
    test.each([{ endpoint: undefined }, { endpoint: "the proxy" }])(
      "as a connection string, endpoint: %o",
      async (told) => {
        const AZURE_STORAGE_CONNECTION_STRING = connectionString(server.endpoint);
        await using made = await openAzure(server);
        await made.storage.put("k", small());
        const environment = { AZURE_STORAGE_CONNECTION_STRING };
        await using azure = await openAzure(server, {
          container: made.container,
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
      await using azure = await openAzure(server, { container: made.container, blockBytes, settings: { environment } });
      const { storage } = azure;
      const bytes = sampleBytes(2 * mebibyte + 3);
      await storage.put("a/k +", bytesSource(bytes), { metadata: { a: "b" } });
      await storage.put("a/k2", small());
      expect((await collect(await storage.get("a/k +"))).equals(bytes)).toBe(true);
      await storage.refresh("a/k +");
      // One by one: Azurite does not know this signature in a batch.
      for (const key of ["a/k +", "a/k2"]) expect(await storage.delete([key])).toEqual({ failed: [] });
      expect(await toArray(storage.list(""))).toEqual([]);
    });

    test("that are wrong are unauthorized, and are never said", async () => {
      const wrong = Buffer.from("another key").toString("base64");
      const environment = { ...server.credentials, AZURE_STORAGE_KEY: wrong };
      await using azure = await openAzure(server, { container: "ccc", settings: { environment } });
      for (const call of [() => azure.storage.get("k"), () => azure.storage.bucketExists()]) {
        const error = await call().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: "unauthorized", hint: expect.stringContaining("key") });
        expect(JSON.stringify(error)).not.toContain(wrong);
      }
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
