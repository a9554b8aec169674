/** What every driver asks of a server, counted and looked at on the wire. */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { NodeRepository } from "../../src/repository/node-repository.ts";
import { upload } from "../../src/transfer/transfer.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { sampleKey } from "../harness/sample-manifest.ts";
import { quietLog } from "../harness/sample-node.ts";
import { kindsSeen, mebibyte, type ProxiedStore } from "./proxied-store.ts";
import { keysOf, read, text } from "./storage-fixture.ts";

/** One suite for every driver that speaks HTTP. */
export function describeRequests(store: ProxiedStore): void {
  describeObjects(store);
  describeMany(store);
  describeBeside(store);
}

function describeObjects(store: ProxiedStore): void {
  test("an object that is not large is one request each way", async () => {
    await using opened = await store.open();
    const { storage, proxy } = opened;
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(sampleBytes(5000)));
    await storage.put("c/d/n/larger", bytesSource(sampleBytes(8 * mebibyte)));
    expect(await read(storage, "c/d/n/k")).toHaveLength(5000);
    await storage.stat("c/d/n/k");
    expect(kindsSeen(store, opened)).toEqual(["put", "put", "get", "stat"]);
  });

  test("a large object is sent in pieces, each once", async () => {
    const { sizeBytes, endCarriesBytes } = store.pieces;
    await using opened = await store.open({ inPieces: true });
    const { storage, proxy } = opened;
    const bytes = sampleBytes(3 * sizeBytes + 5);
    proxy.forget();
    const { hash } = await upload(storage, "c/d/n/k", bytesSource(bytes), { algorithm: "SHA-256" });
    const pieces = Array<string>(endCarriesBytes ? 3 : 4).fill("piece");
    expect(kindsSeen(store, opened)).toEqual(["begin", ...pieces, "end"]);
    expect((await read(storage, "c/d/n/k")).equals(bytes)).toBe(true);
    expect(hash).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("an object that the store does not take is refused before anything is sent", async () => {
    await using opened = await store.open();
    opened.proxy.forget();
    const source = { ...bytesSource(Buffer.alloc(0)), sizeBytes: store.largestBytes + 1 };
    await expect(opened.storage.put("k", source)).rejects.toMatchObject({ code: "unsupported" });
    expect(opened.proxy.seen).toEqual([]);
  });
}

function describeMany(store: ProxiedStore): void {
  test("many are listed and deleted with as few requests as the store allows", async () => {
    const { objects, pages, deletions } = store.listing;
    await using opened = await store.open();
    const { storage, proxy } = opened;
    const keys = Array.from({ length: objects }, (_, i) => `d/${i % 7}/ü+${i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => storage.put(key, text("x"))));
    }
    proxy.forget();
    expect(await keysOf(storage)).toEqual([...keys].sort());
    expect(kindsSeen(store, opened)).toEqual(Array(pages).fill("list"));
    proxy.forget();
    expect(await storage.delete([...keys, "d/missing"])).toEqual({ failed: [] });
    expect(kindsSeen(store, opened)).toEqual(Array(deletions).fill("delete"));
    expect(await keysOf(storage)).toEqual([]);
  });

  test("a backup costs one request for a new file, and nothing but the listing for one that is there", async () => {
    await using opened = await store.open();
    const { storage, proxy } = opened;
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
}

function describeBeside(store: ProxiedStore): void {
  const objects = [
    { key: "c/d/n/small", sizeBytes: 100 },
    { key: "c/d/n/whole", sizeBytes: 300_000 },
    { key: "c/d/n/pieces", sizeBytes: 2 * store.pieces.sizeBytes + 1 },
  ] as const;

  test("class, tags and metadata go with an object of any size, and stay when it is renewed", async () => {
    const { name, shown, onlyLarge } = store.storageClass;
    const tags = { team: "db + co", stage: "a/b:c=d" };
    const metadata = { "x-amz-key-v2": "wrapped=", a_b: "1", a2: "2", plain: "abc+/=" };
    await using opened = await store.open({ inPieces: true, settings: { storageClass: name, tags } });
    const { storage, proxy } = opened;
    const dates = new Map<string, number>();
    for (const { key, sizeBytes } of objects) {
      await storage.put(key, bytesSource(sampleBytes(sizeBytes)), { metadata, tags: { own: "1" } });
      const beside = await store.beside(opened, key);
      expect(beside.tags).toMatchObject({ ...tags, own: "1" });
      expect(beside.storageClass).toBe(onlyLarge && sizeBytes === 100 ? undefined : shown);
      dates.set(key, (await storage.stat(key))?.modifiedMs ?? Number.NaN);
    }
    await storage.put("first", text("x"));
    await storage.refresh("first");
    await delay(store.tickMs + 10);
    for (const { key } of objects) {
      proxy.forget();
      await storage.refresh(key);
      expect(kindsSeen(store, opened)).toEqual(store.renewal);
      expect((await storage.stat(key))?.modifiedMs).toBeGreaterThan(dates.get(key) ?? Number.NaN);
      const object = await storage.get(key);
      expect(object.metadata).toMatchObject(metadata);
      await collect(object);
    }
  });
}
