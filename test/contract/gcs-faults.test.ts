/** What the driver of Google Cloud Storage makes of servers and networks that fail, behind a proxy that spoils. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/log.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing.ts";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { openGcs } from "../harness/opened-gcs.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import type { ServerProcess } from "../harness/server-process.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import { uploadSessions } from "../harness/upload-sessions.ts";

const started = await startFakeGcs();
const mebibyte = 1024 * 1024;
const retry = { maxAttempts: 4, intervalMs: 5, strategy: "linear" } as const;

const retrying = (storage: Storage) =>
  withRetries(storage, { ...retry, clock: systemClock, random: Math.random, log: silentLogger });
const isUpload = ({ url }: SeenRequest) => url.startsWith("/upload/");
const isGet = ({ method }: SeenRequest) => method === "GET";
const json = (code: number, reason: string) =>
  JSON.stringify({ error: { code, message: "Said so.", errors: [{ reason, message: "Said so." }] } });

describe.skipIf("reason" in started)(`faults${"reason" in started ? `: ${started.reason}` : ""}`, () => {
  const server = started as ServerProcess;
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([1000, 200_000, 3 * mebibyte])(
    "a bit that flips on the way is refused in %i bytes, and mended by trying again",
    async (size) => {
      await using gcs = await openGcs(server);
      const { storage, proxy } = gcs;
      const bytes = sampleBytes(size);
      proxy.spoilOne(isUpload, { kind: "flip", at: size - 100 });
      const put = storage.put("k", bytesSource(bytes));
      await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
      expect(await toArray(storage.list(""))).toEqual([]);
      proxy.spoilOne(isUpload, { kind: "flip", at: size / 2 + 100 });
      await retrying(storage).put("k", bytesSource(bytes));
      expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
    },
  );

  describe("answers of the server", () => {
    test.each([
      [503, "backendError", "throttled", true],
      [429, "rateLimitExceeded", "throttled", true],
      [403, "userRateLimitExceeded", "throttled", true],
      [500, "internalError", "storage", true],
      [502, "", "storage", true],
      [408, "", "storage", true],
      [403, "forbidden", "unauthorized", false],
      [401, "authError", "unauthorized", false],
      [404, "notFound", "not-found", false],
      [403, "retentionPolicyNotMet", "storage", false],
      [501, "notImplemented", "unsupported", false],
    ])("%i %s is %s, worth trying again: %s", async (status, reason, expected, retryable) => {
      await using gcs = await openGcs(server);
      const { storage, proxy } = gcs;
      const xml = `<Error><Code>${reason}</Code><Message>Said so.</Message></Error>`;
      proxy.spoil(({ url }) => {
        const body = reason === "" ? "<html>" : url.startsWith(`/${gcs.bucket}/`) ? xml : json(status, reason);
        return { kind: "answer", status, body };
      });
      const calls = [
        () => storage.put("k", bytesSource(Buffer.from("x"))),
        () => storage.get("k"),
        () => storage.refresh("k"),
        () => storage.children("a/"),
        () => toArray(storage.list("")),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: expected, retryable });
    });

    test("name what the operator can do", async () => {
      await using gcs = await openGcs(server);
      const { storage, proxy, bucket } = gcs;
      proxy.spoil(() => ({ kind: "answer", status: 403, body: json(403, "forbidden") }));
      await expect(storage.put("a/k", bytesSource(Buffer.from("x")))).rejects.toMatchObject({
        message: `cannot write 'a/k' in bucket gcp://${bucket}: the store answered forbidden: said so`,
        hint: expect.stringContaining("storage.objects.create"),
      });
      await expect(storage.bucketExists()).rejects.toMatchObject({
        code: "unauthorized",
        hint: expect.stringContaining("storage.objects.list"),
      });
      proxy.spoil(() => ({ kind: "answer", status: 401, body: json(401, "required") }));
      const hint = expect.stringContaining("GOOGLE_APPLICATION_CREDENTIALS");
      await expect(storage.get("k")).rejects.toMatchObject({ code: "unauthorized", hint });
    });

    test("of single keys of a deletion are told apart", async () => {
      await using gcs = await openGcs(server);
      const { storage, proxy } = gcs;
      const answers: Readonly<Record<string, [number, string]>> = {
        a: [403, "forbidden"],
        b: [500, "internalError"],
        c: [404, "notFound"],
        d: [204, ""],
      };
      proxy.spoil(({ url }) => {
        const [status, reason] = answers[url.slice(-1)] ?? [500, ""];
        return { kind: "answer", status, body: status === 204 ? "" : json(status, reason) };
      });
      const { failed } = await storage.delete(["a", "b", "c", "d"]);
      expect([...failed].sort((x, y) => (x.key < y.key ? -1 : 1))).toMatchObject([
        { key: "a", error: { code: "unauthorized" } },
        { key: "b", error: { code: "storage", retryable: true } },
      ]);
    });
  });

  describe("a network that fails", () => {
    const timeouts = { connectMs: 2000, idleMs: 500 };

    test("resets and silence are worth trying again", async () => {
      await using gcs = await openGcs(server, { timeouts });
      const { storage, proxy } = gcs;
      await storage.put("k", bytesSource(sampleBytes(mebibyte)));
      for (const spoil of [{ kind: "reset" }, { kind: "silence" }, { kind: "lose-answer" }] as const) {
        const code = spoil.kind === "silence" ? "timeout" : "unreachable";
        proxy.spoil(() => spoil);
        const calls = [
          () => storage.get("k"),
          () => storage.stat("k"),
          () => toArray(storage.list("")),
          () => storage.put("k2", bytesSource(sampleBytes(2 * mebibyte))),
          () => storage.put("k2", bytesSource(sampleBytes(10))),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code, retryable: true });
      }
    });

    test.each(["cut", "stall"] as const)(
      "a read that is %s midway fails, and goes on where it stopped",
      async (kind) => {
        await using gcs = await openGcs(server, { timeouts });
        const { storage, proxy } = gcs;
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

    test("a listing that is cut or stalls is no shorter listing", async () => {
      await using gcs = await openGcs(server, { timeouts });
      const { storage, proxy } = gcs;
      for (const key of ["a", "b", "c"]) await storage.put(key, bytesSource(Buffer.from("x")));
      for (const kind of ["cut", "stall"] as const) {
        proxy.spoil(() => ({ kind, after: 100 }));
        const code = kind === "cut" ? "unreachable" : "timeout";
        await expect(toArray(storage.list(""))).rejects.toMatchObject({ code, retryable: true });
      }
    });

    test("a slow reader and a slow source are no stall", async () => {
      await using gcs = await openGcs(server, { timeouts, chunkBytes: mebibyte });
      const { storage } = gcs;
      const bytes = sampleBytes(2 * mebibyte);
      async function* slowly() {
        yield bytes.subarray(0, mebibyte);
        await delay(900);
        yield bytes.subarray(mebibyte);
      }
      await storage.put("k", { sizeBytes: bytes.length, open: slowly });
      const chunks: Uint8Array[] = [];
      for await (const chunk of await storage.get("k")) {
        if (chunks.length === 1) await delay(900);
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
      const options = { endpoint: `http://127.0.0.1:${port}` };
      await using opened = await openGcs(server, { bucket: "bbb", options, timeouts: { connectMs: 200, idleMs: 200 } });
      await expect(opened.storage.get("k")).rejects.toMatchObject({ code: "timeout", retryable: true });
      deaf.close();
    });
  });

  describe("an upload in chunks", () => {
    const chunkBytes = mebibyte;
    const bytes = sampleBytes(3 * mebibyte + 77);
    const isChunk = ({ url }: SeenRequest) => url.includes("upload_id=");
    const isQuery = ({ headers }: SeenRequest) => headers["content-range"]?.startsWith("bytes */") === true;
    const isSecond = ({ headers }: SeenRequest) => headers["content-range"]?.startsWith("bytes 1048576-") === true;
    const isLast = ({ headers }: SeenRequest) => headers["x-goog-hash"] !== undefined;

    async function through() {
      const sessions = await uploadSessions(server);
      const gcs = await openGcs(sessions, { chunkBytes, retry, timeouts: { connectMs: 2000, idleMs: 1000 } });
      return {
        ...gcs,
        sessions,
        isThere: async () => (await collect(await gcs.storage.get("k"))).equals(bytes),
        [Symbol.asyncDispose]: async () => {
          await gcs[Symbol.asyncDispose]();
          await sessions[Symbol.asyncDispose]();
        },
      };
    }

    const faults = [
      { kind: "answer", status: 503 },
      { kind: "answer", status: 429, body: json(429, "rateLimitExceeded") },
      { kind: "reset" },
      { kind: "silence" },
      { kind: "lose-answer" },
    ] as const;
    const cases = faults.flatMap((spoil) => [
      { spoil, which: "second", fits: isSecond },
      { spoil, which: "last", fits: isLast },
    ]);
    test.each(cases)("goes on where it was after $spoil.kind of its $which chunk", async ({ spoil, fits }) => {
      await using opened = await through();
      const { storage, proxy, sessions } = opened;
      proxy.spoilOne(fits, spoil);
      await storage.put("k", bytesSource(bytes));
      expect(await opened.isThere()).toBe(true);
      expect(sessions.begun).toBe(1);
      expect(proxy.seen.filter(isQuery)).toHaveLength(1);
      const again = spoil.kind === "lose-answer" ? 0 : 1;
      expect(proxy.seen.filter((seen) => isChunk(seen) && !isQuery(seen))).toHaveLength(4 + again);
    });

    test("of which the store keeps a part goes on from there", async () => {
      await using opened = await through();
      const { storage, proxy, sessions } = opened;
      sessions.takeAtMost(600_000);
      await storage.put("k", bytesSource(bytes));
      expect(await opened.isThere()).toBe(true);
      expect(sessions.begun).toBe(1);
      const ranges = proxy.seen.filter(isChunk).map(({ headers }) => headers["content-range"]);
      expect(ranges.slice(0, 3)).toEqual([
        `bytes 0-1048575/${bytes.length}`,
        `bytes 524288-1048575/${bytes.length}`,
        `bytes 1048576-2097151/${bytes.length}`,
      ]);
    });

    test("in which a bit flips is refused at its end, and mended by another", async () => {
      await using opened = await through();
      const { storage, proxy, sessions } = opened;
      proxy.spoilOne(isSecond, { kind: "flip", at: 700_000 });
      const put = storage.put("k", bytesSource(bytes));
      await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
      expect(await toArray(storage.list(""))).toEqual([]);
      proxy.spoilOne(isLast, { kind: "flip", at: 7 });
      await retrying(storage).put("k", bytesSource(bytes));
      expect(await opened.isThere()).toBe(true);
      expect(sessions.begun).toBe(3);
    });

    test("that the store has lost begins anew", async () => {
      await using opened = await through();
      const { storage, proxy, sessions } = opened;
      let lost = false;
      proxy.spoil((request) => {
        if (lost || !isSecond(request)) return undefined;
        lost = true;
        sessions.forget();
        return undefined;
      });
      await retrying(storage).put("k", bytesSource(bytes));
      expect(await opened.isThere()).toBe(true);
      expect(sessions.begun).toBe(2);
    });

    test("that cannot be finished leaves nothing behind, and is not worth another", async () => {
      await using opened = await through();
      const { storage, proxy, sessions } = opened;
      for (const fits of [isSecond, isLast]) {
        proxy.spoil((request) => (fits(request) ? { kind: "answer", status: 500 } : undefined));
        const failure = { code: "storage", retryable: false };
        await expect(storage.put("k", bytesSource(bytes))).rejects.toMatchObject(failure);
        expect(await toArray(storage.list(""))).toEqual([]);
      }
      expect(sessions.begun).toBe(2);
    });

    test("with which the store gets nowhere is given up", async () => {
      await using opened = await through();
      const { storage, proxy } = opened;
      proxy.spoil((request) => (isChunk(request) ? { kind: "answer", status: 308 } : undefined));
      const failure = { code: "storage", retryable: false };
      await expect(storage.put("k", bytesSource(bytes))).rejects.toMatchObject(failure);
    });

    test("does not replace what another has made meanwhile", async () => {
      await using opened = await through();
      const { storage } = opened;
      await storage.put("k", bytesSource(Buffer.from("first")));
      const put = storage.put("k", bytesSource(bytes), { ifAbsent: true });
      await expect(put).rejects.toMatchObject({ code: "already-exists" });
      expect((await collect(await storage.get("k"))).toString()).toBe("first");
    });

    test("comes through, whole, where the server knows nothing of checksums and answers questions by finishing", async () => {
      await using gcs = await openGcs(server, { chunkBytes, retry });
      const { storage, proxy } = gcs;
      for (const [fits, spoil] of [
        [isSecond, { kind: "flip", at: 700_000 }],
        [isSecond, { kind: "reset" }],
        [isLast, { kind: "lose-answer" }],
      ] as const) {
        proxy.spoilOne(fits, spoil);
        const put = storage.put("k", bytesSource(bytes));
        await expect(put).rejects.toMatchObject({ retryable: true });
        if (spoil.kind !== "lose-answer") expect(await toArray(storage.list(""))).toEqual([]);
        proxy.spoilOne(fits, spoil);
        await retrying(storage).put("k", bytesSource(bytes));
        expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
        await storage.delete(["k"]);
      }
    });
  });
});
