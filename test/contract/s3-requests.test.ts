/** What the S3 driver asks of a server, counted and looked at on the wire. */
import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { NodeRepository } from "../../src/repository/repository.ts";
import { upload } from "../../src/transfer/transfer.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { type OpenedS3, openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { sampleKey } from "../harness/sample-manifest.ts";
import { quietLog } from "../harness/sample-node.ts";

const store = await startStore("versitygw");
const mebibyte = 1024 * 1024;

/** "PUT object", "POST object?uploads": what kind of request it was. */
function kinds({ proxy, bucket }: OpenedS3): string[] {
  return proxy.seen.map(({ method, url }) => {
    const { pathname, searchParams } = new URL(url, "http://h");
    const what = pathname.startsWith(`/${bucket}/`) && pathname.length > bucket.length + 2 ? "object" : "bucket";
    const query = [...searchParams.keys()].filter((name) =>
      /^(uploads|uploadId|partNumber|delete|list-type)$/.test(name),
    );
    return [method, what, ...query].join(" ");
  });
}

describe.skipIf("reason" in store)(`requests${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  test("a small object is one request each way", async () => {
    await using s3 = await openS3(server);
    const { storage, proxy } = s3;
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(sampleBytes(5000)));
    await storage.put("c/d/n/larger", bytesSource(sampleBytes(3 * mebibyte)));
    expect(await collect(await storage.get("c/d/n/k"))).toHaveLength(5000);
    await storage.stat("c/d/n/k");
    expect(kinds(s3)).toEqual(["PUT object", "PUT object", "GET object", "HEAD object"]);
  });

  test("listing and deleting go by thousands", async () => {
    await using s3 = await openS3(server);
    const { storage, proxy } = s3;
    const keys = Array.from({ length: 2100 }, (_, i) => `d/${i % 7}/${i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => storage.put(key, bytesSource(Buffer.from("x")))));
    }
    proxy.forget();
    expect((await toArray(storage.list(""))).map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(kinds(s3)).toEqual(Array(3).fill("GET bucket list-type"));
    proxy.forget();
    expect(await storage.delete(keys)).toEqual({ failed: [] });
    expect(kinds(s3)).toEqual(Array(3).fill("POST bucket delete"));
    expect(await toArray(storage.list(""))).toEqual([]);
  });

  test("a backup costs one request for a new file, and nothing but the listing for one that is there", async () => {
    await using s3 = await openS3(server);
    const { storage, proxy } = s3;
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

  test("a large object is sent in parts, and what it was told goes with it", async () => {
    const s3Options = {
      storageClass: "STANDARD_IA",
      tags: { team: "db + co", stage: "ünï" },
      encryption: { kind: "s3" },
    } as const;
    await using s3 = await openS3(server, { partBytes: 5 * mebibyte, s3: s3Options });
    const { storage, proxy } = s3;
    const bytes = sampleBytes(15 * mebibyte + 5);
    proxy.forget();
    const { hash } = await upload(storage, "c/d/n/k", bytesSource(bytes), { algorithm: "SHA-256" });
    expect(kinds(s3).sort()).toEqual([
      "POST object uploadId",
      "POST object uploads",
      ...Array<string>(4).fill("PUT object partNumber uploadId"),
    ]);
    const [begin, ...rest] = proxy.seen;
    const settings = {
      "x-amz-storage-class": "STANDARD_IA",
      "x-amz-tagging": "team=db+%2B+co&stage=%C3%BCn%C3%AF",
      "x-amz-server-side-encryption": "AES256",
    };
    expect(begin?.headers).toMatchObject(settings);
    for (const { headers } of rest) expect(Object.keys(headers)).not.toContain("x-amz-storage-class");
    const read = await collect(await storage.get("c/d/n/k"));
    expect(read.equals(bytes)).toBe(true);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    proxy.forget();
    await storage.put("c/d/n/small", bytesSource(sampleBytes(100)));
    await storage.put("c/d/n/middle", bytesSource(sampleBytes(300_000)));
    const [small, middle] = proxy.seen;
    expect(middle?.headers).toMatchObject(settings);
    expect(small?.headers).toMatchObject({ "x-amz-tagging": settings["x-amz-tagging"] });
    expect(Object.keys(small?.headers ?? {})).not.toContain("x-amz-storage-class");
  });

  test("no body is stored with the frames it was sent in", async () => {
    for (const integrity of ["crc32-trailer", "signed-chunks", "hash-first"] as const) {
      await using s3 = await openS3(server, { dialect: { integrity } });
      const { storage, proxy } = s3;
      const bytes = sampleBytes(3 * mebibyte + 11);
      const budget = countedBudget();
      await upload(storage, "k", bytesSource(bytes), { algorithm: "SHA-256", rateLimit: budget });
      expect(budget.takenBytes).toBe(bytes.length);
      expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
      expect(proxy.seen.some(({ headers }) => headers["x-amz-trailer"] !== undefined)).toBe(
        integrity === "crc32-trailer",
      );
      const response = await fetch(`${proxy.endpoint}/${s3.bucket}/k`);
      expect(response.headers.get("content-encoding")).not.toBe("aws-chunked");
    }
  });
});
