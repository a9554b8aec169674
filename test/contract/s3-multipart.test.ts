/** Objects in several parts, on a real server behind a proxy that spoils: whole or absent, and resumable. */
import { createHash } from "node:crypto";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { upload } from "../../src/transfer/transfer.ts";
import { casesOn } from "../harness/cases-on.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import { partBytes, xmlError } from "./proxied-s3.ts";
import { mebibyte, retry } from "./proxied-store.ts";
import { stoppingSource } from "./storage-fixture.ts";

const isCompletion = ({ method, url }: SeenRequest) => method === "POST" && url.includes("uploadId");

casesOn("an upload in parts", await startStore("versitygw"), (server) => {
  /** The server keeps them in a directory of its own. */
  async function uploadsLeft({ proxy, bucket }: OpenedStore): Promise<number> {
    proxy.spoil(() => undefined);
    const entries = await readdir(join(server.directory, bucket, ".sgwtmp", "multipart")).catch(() => []);
    return entries.length;
  }

  const sizeBytes = 11 * mebibyte;
  const source = () => bytesSource(sampleBytes(sizeBytes));
  const options = { partBytes, retry } as const;

  test("that cannot be finished leaves nothing behind", async () => {
    await using s3 = await openS3(server, options);
    const { storage, proxy } = s3;
    const failing: readonly ((request: SeenRequest) => boolean)[] = [
      ({ url }) => url.includes("partNumber=2"),
      isCompletion,
    ];
    for (const fits of failing) {
      proxy.spoil((request) => (fits(request) ? { kind: "answer", status: 500 } : undefined));
      // Each step has been tried often enough: the whole must not be tried again.
      await expect(storage.put("k", source())).rejects.toMatchObject({ code: "storage", retryable: false });
      expect(await uploadsLeft(s3)).toBe(0);
    }
  });

  test("that the store at first cannot throw away leaves nothing behind", async () => {
    await using s3 = await openS3(server, options);
    const { storage, proxy } = s3;
    let deletions = 0;
    proxy.spoil((request) => {
      if (request.method === "DELETE") deletions += 1;
      const fails = request.method === "DELETE" ? deletions === 1 : isCompletion(request);
      return fails ? { kind: "answer", status: 500, body: xmlError("InternalError") } : undefined;
    });
    await expect(storage.put("k", source())).rejects.toMatchObject({ code: "storage" });
    expect(await uploadsLeft(s3)).toBe(0);
  });

  test("that is aborted leaves nothing behind", async () => {
    await using s3 = await openS3(server, options);
    const stop = new AbortController();
    const { source: hanging, reached } = stoppingSource(3 * mebibyte, 1000, () => new Promise<never>(() => undefined));
    const put = s3.storage.put("k", hanging, { signal: stop.signal });
    const aborted = expect(put).rejects.toMatchObject({ code: "cancelled" });
    await reached;
    stop.abort();
    await aborted;
    expect(await uploadsLeft(s3)).toBe(0);
  });

  test("that is cut off is resumed by the next run, which sends the missing parts and nothing else", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2, s3: { maxUploads: 1 } });
    const { storage, proxy, bucket } = s3;
    const bytes = sampleBytes(23 * mebibyte + 7);
    const file = bytesSource(bytes);
    const sentParts = (seen: readonly SeenRequest[]) =>
      seen
        .flatMap(({ method, url }) => (method === "PUT" ? (/partNumber=(\d+)/.exec(url)?.[1] ?? []) : []))
        .map(Number);
    proxy.spoil(({ url }) => (url.includes("partNumber=4") ? { kind: "reset" } : undefined));
    await expect(storage.put("a/b/k", file)).rejects.toMatchObject({ code: "unreachable", retryable: false });
    expect(await uploadsLeft(s3)).toBe(1);
    await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
    const budget = countedBudget();
    const { hash } = await upload(again.storage, "a/b/k", file, { algorithm: "SHA-256", rateLimit: budget });
    expect(sentParts(again.proxy.seen)).toEqual([4, 5]);
    expect(budget.takenBytes).toBe(bytes.length - 3 * partBytes);
    expect(hash).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect((await collect(await again.storage.get("a/b/k"))).equals(bytes)).toBe(true);
    expect(await uploadsLeft(s3)).toBe(0);
  });

  test("that holds other bytes is not believed", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2 });
    const { storage, proxy, bucket } = s3;
    proxy.spoil((request) => (isCompletion(request) ? { kind: "reset" } : undefined));
    await expect(storage.put("a/b/k", source())).rejects.toMatchObject({ code: "unreachable" });
    const other = sampleBytes(sizeBytes, 5);
    await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
    await again.storage.put("a/b/k", bytesSource(other));
    expect((await collect(await again.storage.get("a/b/k"))).equals(other)).toBe(true);
  });

  /** As servers are that forget an upload when it is completed; this one remembers, and completes it again. */
  function forgetful({ proxy }: OpenedStore, code: "NoSuchUpload" | "PreconditionFailed") {
    let completions = 0;
    proxy.spoil((request) => {
      if (!isCompletion(request)) return undefined;
      completions += 1;
      if (completions === 1) return { kind: "lose-answer" };
      return { kind: "answer", status: code === "NoSuchUpload" ? 404 : 412, body: xmlError(code) };
    });
    return () => completions;
  }

  test.each(["NoSuchUpload", "PreconditionFailed"] as const)(
    "whose completion is lost, and answered %s when it is tried again, is there",
    async (code) => {
      await using s3 = await openS3(server, options);
      const completions = forgetful(s3, code);
      await s3.storage.put("k", source(), { ifAbsent: code === "PreconditionFailed" });
      expect(completions()).toBe(2);
      expect(await s3.storage.stat("k")).toMatchObject({ sizeBytes });
    },
  );

  test.each(["lose-answer", "reset"] as const)(
    "that is resumed, and whose completion meets a %s, exists",
    async (kind) => {
      await using s3 = await openS3(server, { ...options, ownDepth: 2 });
      const { storage, proxy, bucket } = s3;
      proxy.spoil((request) => (isCompletion(request) ? { kind: "reset" } : undefined));
      await expect(storage.put("a/b/k", source())).rejects.toMatchObject({ code: "unreachable" });
      await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
      if (kind === "lose-answer") forgetful(again, "NoSuchUpload");
      else again.proxy.spoilOne(isCompletion, { kind });
      await again.storage.put("a/b/k", source());
      expect(again.proxy.seen.filter(isCompletion)).toHaveLength(2);
      expect(await again.storage.stat("a/b/k")).toMatchObject({ sizeBytes });
    },
  );

  test("that was aborted meanwhile is started again", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2 });
    const { storage, proxy, bucket } = s3;
    proxy.spoil(({ url }) => (url.includes("partNumber=2") ? { kind: "reset" } : undefined));
    await expect(storage.put("a/b/k", source())).rejects.toMatchObject({ code: "unreachable" });
    await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
    const body = "<Error><Code>NoSuchUpload</Code></Error>";
    again.proxy.spoilOne(({ url }) => url.includes("partNumber=2"), { kind: "answer", status: 404, body });
    await again.storage.put("a/b/k", source());
    expect((await collect(await again.storage.get("a/b/k"))).equals(sampleBytes(sizeBytes))).toBe(true);
  });

  test("of what is encrypted anew each time leaves nothing to go on with", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2 });
    const { storage, proxy } = s3;
    proxy.spoil(({ url }) => (url.includes("partNumber=2") ? { kind: "reset" } : undefined));
    await expect(storage.put("a/b/k", source(), { resumable: false })).rejects.toMatchObject({ code: "unreachable" });
    expect(await uploadsLeft(s3)).toBe(0);
  });

  test("of a source that can only be read in order is not gone on with", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2 });
    const { storage, proxy, bucket } = s3;
    proxy.spoil((request) => (isCompletion(request) ? { kind: "reset" } : undefined));
    await expect(storage.put("a/b/k", source())).rejects.toMatchObject({ code: "unreachable" });
    const other = sampleBytes(sizeBytes);
    other[sizeBytes - 1] = (other[sizeBytes - 1] ?? 0) ^ 1;
    await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
    await again.storage.put("a/b/k", { ...bytesSource(other), sequential: true });
    expect((await collect(await again.storage.get("a/b/k"))).equals(other)).toBe(true);
  });

  test("of a source that can only be read in order comes whole, and is tried again part by part", async () => {
    await using s3 = await openS3(server, options);
    const { storage, proxy } = s3;
    const bytes = sampleBytes(sizeBytes);
    const opened: unknown[] = [];
    async function* open(range: unknown) {
      opened.push(range);
      for (let at = 0; at < sizeBytes; at += 700_001) yield bytes.subarray(at, at + 700_001);
    }
    const inOrder = { sizeBytes, sequential: true, open } as const;
    proxy.spoilOne(({ url }) => url.includes("partNumber=2"), { kind: "reset" });
    await storage.put("k", inOrder, { metadata: { "x-a": "1" } });
    const stream = await storage.get("k");
    expect(stream.metadata).toMatchObject({ "x-a": "1" });
    expect((await collect(stream)).equals(bytes)).toBe(true);
    expect(opened).toEqual([undefined]);
    for (const wrong of [sizeBytes - 1, sizeBytes + 1]) {
      const put = storage.put("k2", { ...inOrder, sizeBytes: wrong });
      await expect(put).rejects.toMatchObject({ code: "corrupt" });
    }
    expect(await uploadsLeft(s3)).toBe(0);
  });

  test("that was begun days ago and never finished is thrown away, ours alone", async () => {
    await using s3 = await openS3(server, { ...options, ownDepth: 2 });
    const { storage, proxy, bucket } = s3;
    const isAbort = ({ method }: SeenRequest) => method === "DELETE";
    for (const key of ["a/old/k", "a/other/k", "a/old/young"]) {
      proxy.spoil((request) => (isCompletion(request) || isAbort(request) ? { kind: "reset" } : undefined));
      await expect(storage.put(key, source())).rejects.toMatchObject({ code: "unreachable" });
      if (key === "a/old/young") break;
      const parts = join(server.directory, bucket, ".sgwtmp", "multipart");
      for (const entry of await readdir(parts, { recursive: true })) await utimes(join(parts, entry), 1e9, 1e9);
    }
    proxy.spoil(() => undefined);
    await using again = await openS3(server, { ...options, bucket, ownDepth: 2 });
    again.proxy.forget();
    await again.storage.put("a/old/new", source());
    const deleted = again.proxy.seen.filter(isAbort).map(({ url }) => url.slice(0, url.indexOf("?")));
    expect([...new Set(deleted)]).toEqual([`/${bucket}/a/old/k`]);
  });
});
