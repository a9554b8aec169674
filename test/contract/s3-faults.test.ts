/** What the S3 driver makes of servers and networks that fail, on a real server behind a proxy that spoils. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";

const store = await startStore("versitygw");
const mebibyte = 1024 * 1024;
/** The smallest that servers take. */
const partBytes = 5 * mebibyte;
const retry = { maxAttempts: 4, intervalMs: 5, strategy: "linear" } as const;

const retrying = (storage: Storage) =>
  withRetries(storage, { ...retry, clock: systemClock, random: Math.random, log: silentLogger });
const isPut = ({ method }: SeenRequest) => method === "PUT";
const isGet = ({ method }: SeenRequest) => method === "GET";
const xml = (code: string, more = "") =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said so.</Message>${more}</Error>`;

describe.skipIf("reason" in store)(`faults${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  describe("a bit that flips on the way", () => {
    const cases = (["crc32-trailer", "signed-chunks", "hash-first"] as const).flatMap((integrity) =>
      [1000, 200_000, 2 * mebibyte].map((size) => ({ integrity, size })),
    );
    test.each(cases)(
      "is refused with $integrity in $size bytes, and mended by trying again",
      async ({ integrity, size }) => {
        await using s3 = await openS3(server, { dialect: { integrity } });
        const { storage, proxy } = s3;
        const bytes = sampleBytes(size);
        // A signature that is wrong tells of spoiled bytes only where the key is known to be right.
        await storage.put("k", bytesSource(Buffer.from("x")));
        await storage.delete(["k"]);
        proxy.spoilOne(isPut, { kind: "flip", at: size - 500 });
        const put = storage.put("k", bytesSource(bytes));
        await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
        expect(await toArray(storage.list(""))).toEqual([]);
        proxy.spoilOne(isPut, { kind: "flip", at: size / 2 });
        await retrying(storage).put("k", bytesSource(bytes));
        expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
      },
    );

    test.each(["crc32-trailer", "signed-chunks"] as const)(
      "in a part, with %s, costs that part alone",
      async (integrity) => {
        await using s3 = await openS3(server, { dialect: { integrity }, partBytes });
        const { storage, proxy } = s3;
        const bytes = sampleBytes(11 * mebibyte);
        await storage.put("k", bytesSource(Buffer.from("x")));
        proxy.forget();
        proxy.spoilOne(({ url }) => url.includes("partNumber=2"), { kind: "flip", at: 700_000 });
        await storage.put("k", bytesSource(bytes));
        expect(proxy.seen.filter(({ url }) => url.includes("partNumber"))).toHaveLength(4);
        expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
      },
    );
  });

  describe("answers of the server", () => {
    test.each([
      [503, "SlowDown", "throttled", true],
      [429, "TooManyRequests", "throttled", true],
      [500, "InternalError", "storage", true],
      [502, "", "storage", true],
      [400, "RequestTimeout", "storage", true],
      [409, "OperationAborted", "storage", true],
      [403, "AccessDenied", "unauthorized", false],
      [403, "InvalidAccessKeyId", "unauthorized", false],
      [403, "RequestTimeTooSkewed", "unauthorized", false],
      [404, "NoSuchBucket", "not-found", false],
      [301, "PermanentRedirect", "usage", false],
      [400, "AuthorizationHeaderMalformed", "usage", false],
      [400, "InvalidStorageClass", "storage", false],
      [403, "InvalidObjectState", "storage", false],
      [501, "NotImplemented", "unsupported", false],
    ])("%i %s is %s, worth trying again: %s", async (status, code, expected, retryable) => {
      await using s3 = await openS3(server);
      const { storage, proxy } = s3;
      const body = code === "" ? "<html>" : xml(code, "<Region>eu-central-1</Region>");
      proxy.spoil(() => ({ kind: "answer", status, body, headers: { "content-type": "application/xml" } }));
      const calls = [
        () => storage.put("k", bytesSource(Buffer.from("x"))),
        () => storage.get("k"),
        () => storage.children("a/"),
        () => toArray(storage.list("")),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: expected, retryable });
    });

    test("name what the operator can do", async () => {
      await using s3 = await openS3(server);
      const { storage, proxy, bucket } = s3;
      proxy.spoil(() => ({ kind: "answer", status: 403, body: xml("AccessDenied") }));
      const put = storage.put("a/k", bytesSource(Buffer.from("x")));
      await expect(put).rejects.toMatchObject({
        message: `cannot write 'a/k' in bucket s3://${bucket}: the store answered AccessDenied: said so`,
        hint: "the credentials need the permission s3:PutObject",
      });
      proxy.spoil(() => ({ kind: "answer", status: 403 }));
      await expect(storage.bucketExists()).rejects.toMatchObject({
        code: "unauthorized",
        hint: "the credentials need the permission s3:ListBucket",
      });
      const headers = { "x-amz-bucket-region": "eu-central-1" };
      proxy.spoil(() => ({ kind: "answer", status: 301, headers }));
      const elsewhere = { code: "usage", hint: "add --region eu-central-1" };
      await expect(storage.bucketExists()).rejects.toMatchObject(elsewhere);
      await expect(storage.get("k")).rejects.toMatchObject(elsewhere);
    });

    test("of single keys of a deletion are told apart", async () => {
      await using s3 = await openS3(server);
      const { storage, proxy } = s3;
      const row = (key: string, code: string) =>
        `<Error><Key>${key}</Key><Code>${code}</Code><Message>m</Message></Error>`;
      const body = `<DeleteResult>${row("a", "AccessDenied")}${row("b", "InternalError")}${row("c", "NoSuchKey")}</DeleteResult>`;
      proxy.spoil(() => ({ kind: "answer", status: 200, body, headers: { "content-type": "application/xml" } }));
      const { failed } = await storage.delete(["a", "b", "c", "d"]);
      expect(failed).toMatchObject([
        { key: "a", error: { code: "unauthorized" } },
        { key: "b", error: { code: "storage", retryable: true } },
      ]);
    });
  });

  describe("a network that fails", () => {
    const timeouts = { connectMs: 2000, idleMs: 300 };

    test("resets and silence are worth trying again", async () => {
      await using s3 = await openS3(server, { timeouts });
      const { storage, proxy } = s3;
      await storage.put("k", bytesSource(sampleBytes(3 * mebibyte)));
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
        await using s3 = await openS3(server, { timeouts });
        const { storage, proxy } = s3;
        const bytes = sampleBytes(3 * mebibyte);
        await storage.put("k", bytesSource(bytes));
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

    test("a slow reader and a slow source are no stall", async () => {
      await using s3 = await openS3(server, { timeouts });
      const { storage } = s3;
      const bytes = sampleBytes(2 * mebibyte);
      async function* slowly() {
        yield bytes.subarray(0, mebibyte);
        await delay(600);
        yield bytes.subarray(mebibyte);
      }
      await storage.put("k", { sizeBytes: bytes.length, open: slowly });
      const chunks: Uint8Array[] = [];
      for await (const chunk of await storage.get("k")) {
        if (chunks.length === 1) await delay(600);
        chunks.push(chunk);
      }
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    });

    test("a server that takes no connection is given up", async () => {
      // Accepts, and never says a word of the handshake.
      const deaf = createServer(() => undefined).listen(0, "127.0.0.1");
      await once(deaf, "listening");
      const address = deaf.address();
      const port = typeof address === "object" ? address?.port : undefined;
      const s3 = { endpoint: `https://127.0.0.1:${port}` };
      await using opened = await openS3(server, { bucket: "bbb", s3, timeouts: { connectMs: 200, idleMs: 60_000 } });
      await expect(opened.storage.get("k")).rejects.toMatchObject({ code: "timeout", retryable: true });
      deaf.close();
    });

    test("nobody there is unreachable", async () => {
      await using gone = await openS3(server);
      await gone.proxy[Symbol.asyncDispose]();
      await expect(gone.storage.get("k")).rejects.toMatchObject({ code: "unreachable", retryable: true });
      await expect(gone.storage.stat("k")).rejects.toMatchObject({ code: "unreachable", retryable: true });
      Object.assign(gone.proxy, { [Symbol.asyncDispose]: async () => undefined });
    });
  });

  describe("credentials", () => {
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    test("that are nowhere are unauthorized, and say where to put them", async () => {
      for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
      vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
      vi.stubEnv("AWS_CONFIG_FILE", "/nowhere");
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
      const opening = openS3(server, { bucket: "bbb", s3: { environment: {} } });
      const hint = expect.stringContaining("AWS_ACCESS_KEY_ID");
      await expect(opening).rejects.toMatchObject({ code: "unauthorized", hint });
    });

    test("that are wrong are unauthorized", async () => {
      const environment = { AWS_ACCESS_KEY_ID: server.credentials.AWS_ACCESS_KEY_ID, AWS_SECRET_KEY: "wrong" };
      await using s3 = await openS3(server, { bucket: "bbb", s3: { environment } });
      await expect(s3.storage.get("k")).rejects.toMatchObject({ code: "unauthorized" });
      await expect(s3.storage.bucketExists()).rejects.toMatchObject({ code: "unauthorized" });
    });
  });
});
