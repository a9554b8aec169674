/** What the driver of Google Cloud Storage asks of a server, counted and looked at on the wire. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { NodeRepository } from "../../src/repository/repository.ts";
import { upload } from "../../src/transfer/transfer.ts";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { type OpenedGcs, openGcs } from "../harness/opened-gcs.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { sampleKey } from "../harness/sample-manifest.ts";
import { quietLog } from "../harness/sample-node.ts";
import type { ServerProcess } from "../harness/server-process.ts";

const started = await startFakeGcs();
const mebibyte = 1024 * 1024;

/** "POST upload multipart", "GET object": what kind of request it was. */
function kinds({ proxy, bucket }: OpenedGcs): string[] {
  return proxy.seen.map(({ method, url }) => {
    const { pathname, searchParams } = new URL(url, "http://h");
    const ways: readonly [string, string][] = [
      [`/upload/storage/v1/b/${bucket}/o`, searchParams.has("upload_id") ? "chunk" : "upload"],
      [`/storage/v1/b/${bucket}/o/`, pathname.includes("/rewriteTo/") ? "rewrite" : "object"],
      [`/storage/v1/b/${bucket}/o`, "listing"],
      [`/${bucket}/`, "bytes"],
    ];
    const what = ways.find(([start]) => pathname.startsWith(start))?.[1] ?? pathname;
    return what === "upload" ? `${method} ${what} ${searchParams.get("uploadType")}` : `${method} ${what}`;
  });
}

async function resourceOf({ proxy, bucket }: OpenedGcs, key: string): Promise<unknown> {
  const response = await fetch(`${proxy.endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`);
  return response.json();
}

describe.skipIf("reason" in started)(`requests${"reason" in started ? `: ${started.reason}` : ""}`, () => {
  const server = started as ServerProcess;
  afterAll(() => server[Symbol.asyncDispose]());

  test("an object that is not large is one request each way", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(sampleBytes(5000)));
    await storage.put("c/d/n/larger", bytesSource(sampleBytes(8 * mebibyte)));
    expect(await collect(await storage.get("c/d/n/k"))).toHaveLength(5000);
    await storage.stat("c/d/n/k");
    expect(kinds(gcs)).toEqual(["POST upload multipart", "POST upload multipart", "GET bytes", "GET object"]);
  });

  test("a listing goes by thousands, and asks for no more than it shows", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    const keys = Array.from({ length: 2100 }, (_, i) => `d/${i % 7}/${i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => storage.put(key, bytesSource(Buffer.from("x")))));
    }
    proxy.forget();
    expect((await toArray(storage.list(""))).map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(kinds(gcs)).toEqual(Array(3).fill("GET listing"));
    for (const { url } of proxy.seen) {
      const { searchParams } = new URL(url, "http://h");
      expect(searchParams.get("fields")).toBe("items(name,size,timeCreated),nextPageToken");
    }
    proxy.forget();
    expect(await storage.delete(keys)).toEqual({ failed: [] });
    expect(kinds(gcs)).toEqual(Array(keys.length).fill("DELETE object"));
    expect(await toArray(storage.list(""))).toEqual([]);
  });

  test("a backup costs one request for a new file, and nothing but the listing for one that is there", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    const repository = new NodeRepository(storage, { cluster: "c", datacenter: "d", node: randomUUID() }, quietLog);
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    const backUp = async () => {
      proxy.forget();
      const stored = new Set((await toArray(repository.listData())).map(({ key }) => key));
      for (const number of numbers) {
        const key = sampleKey(number);
        if (stored.has(key)) continue;
        await upload(storage, repository.key(key), bytesSource(sampleBytes(4096, number)), { algorithm: "SHA-256" });
      }
      return proxy.seen.length;
    };
    expect((await backUp()) / numbers.length).toBeLessThanOrEqual(1.05);
    expect(await backUp()).toBe(1);
  });

  test("a large object is sent in chunks of one session", async () => {
    await using gcs = await openGcs(server, { chunkBytes: mebibyte });
    const { storage, proxy } = gcs;
    const bytes = sampleBytes(3 * mebibyte + 5);
    proxy.forget();
    await upload(storage, "c/d/n/k", bytesSource(bytes), { algorithm: "SHA-256" });
    expect(kinds(gcs)).toEqual(["POST upload resumable", ...Array<string>(4).fill("PUT chunk")]);
    expect(proxy.seen[0]?.headers["x-upload-content-length"]).toBe(String(bytes.length));
    expect(proxy.seen.slice(1).map(({ headers }) => headers["content-range"])).toEqual([
      "bytes 0-1048575/3145733",
      "bytes 1048576-2097151/3145733",
      "bytes 2097152-3145727/3145733",
      "bytes 3145728-3145732/3145733",
    ]);
    expect(proxy.seen.map(({ headers }) => headers["x-goog-hash"] !== undefined)).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
    expect((await collect(await storage.get("c/d/n/k"))).equals(bytes)).toBe(true);
  });

  test("an object that Google does not take is refused before anything is sent", async () => {
    await using gcs = await openGcs(server);
    gcs.proxy.forget();
    const source = { ...bytesSource(Buffer.alloc(0)), sizeBytes: 5 * 1024 ** 4 + 1 };
    await expect(gcs.storage.put("k", source)).rejects.toMatchObject({ code: "unsupported" });
    expect(gcs.proxy.seen).toEqual([]);
  });

  test("class, tags and metadata go with an object of any size, and a renewal leaves what is beside the bytes", async () => {
    const options = { storageClass: "NEARLINE", tags: { team: "db + co", stage: "x=y" } };
    await using gcs = await openGcs(server, { chunkBytes: mebibyte, options });
    const { storage, proxy } = gcs;
    const metadata = { "x-key": "abc+/=" };
    for (const [key, size] of [
      ["small", 100],
      ["large", 2 * mebibyte + 1],
    ] as const) {
      await storage.put(key, bytesSource(sampleBytes(size)), { metadata, tags: { own: "1" } });
      const beside = { ...options.tags, ...metadata, own: "1" };
      expect(await resourceOf(gcs, key)).toMatchObject({ storageClass: "NEARLINE", metadata: beside });
      expect((await storage.get(key)).metadata).toMatchObject(metadata);
      const before = await storage.stat(key);
      await delay(10);
      proxy.forget();
      await storage.refresh(key);
      expect(kinds(gcs)).toEqual(["GET object", "POST rewrite"]);
      expect((await storage.stat(key))?.modifiedMs).toBeGreaterThan(before?.modifiedMs ?? 0);
      expect((await storage.get(key)).metadata).toMatchObject(metadata);
    }
  });

  test("a rewrite that takes several calls is gone on with", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    await storage.put("k", bytesSource(sampleBytes(10)));
    proxy.forget();
    const isRewrite = (url: string) => url.includes("/rewriteTo/");
    proxy.spoil(({ url }) => {
      const count = proxy.seen.filter((seen) => isRewrite(seen.url)).length;
      if (!isRewrite(url) || count > 2) return undefined;
      return { kind: "answer", status: 200, body: JSON.stringify({ done: false, rewriteToken: `t${count}` }) };
    });
    await storage.refresh("k");
    const tokens = proxy.seen.slice(1).map(({ url }) => new URL(url, "http://h").searchParams.get("rewriteToken"));
    expect(tokens).toEqual([null, "t1", "t2"]);
  });

  test("a bucket is created in the project that is named", async () => {
    const bucket = `b-${randomUUID()}`;
    await using gcs = await openGcs(server, { bucket });
    expect(await gcs.storage.bucketExists()).toBe(false);
    await gcs.storage.createBucket();
    await gcs.storage.createBucket();
    expect(await gcs.storage.bucketExists()).toBe(true);
    expect(gcs.proxy.seen.map(({ url }) => url)).toContain("/storage/v1/b?project=p&fields=name");
    await using unknown = await openGcs(server, { bucket: "bbb", options: { environment: {} } });
    const hint = expect.stringContaining("GOOGLE_CLOUD_PROJECT");
    await expect(unknown.storage.createBucket()).rejects.toMatchObject({ code: "usage", hint });
  });
});
