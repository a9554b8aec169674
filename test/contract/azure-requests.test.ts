/** What the Azure driver asks of a server, counted and looked at on the wire. */
import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { NodeRepository } from "../../src/repository/repository.ts";
import { upload } from "../../src/transfer/transfer.ts";
import { type Azurite, startAzurite } from "../harness/azurite.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { type OpenedAzure, openAzure } from "../harness/opened-azure.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { sampleKey } from "../harness/sample-manifest.ts";
import { quietLog } from "../harness/sample-node.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";

const store = await startAzurite();
const mebibyte = 1024 * 1024;

/** "PUT blob", "PUT blob block": what kind of request it was. */
function kinds({ proxy, container }: OpenedAzure): string[] {
  return proxy.seen.map(({ method, url }) => {
    const { pathname, searchParams } = new URL(url, "http://h");
    const what = pathname.includes(`/${container}/`) ? "blob" : "container";
    return [method, what, searchParams.get("comp") ?? ""].join(" ").trim();
  });
}

describe.skipIf("reason" in store)(`requests${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as Azurite;
  afterAll(() => server[Symbol.asyncDispose]());

  test("a small object is one request each way", async () => {
    await using azure = await openAzure(server);
    const { storage, proxy } = azure;
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(sampleBytes(5000)));
    await storage.put("c/d/n/larger", bytesSource(sampleBytes(8 * mebibyte)));
    expect(await collect(await storage.get("c/d/n/k"))).toHaveLength(5000);
    await storage.stat("c/d/n/k");
    expect(kinds(azure)).toEqual(["PUT blob", "PUT blob", "GET blob", "HEAD blob"]);
  });

  test("listing goes by thousands, deleting by hundreds", async () => {
    await using azure = await openAzure(server);
    const { storage, proxy } = azure;
    const keys = Array.from({ length: 600 }, (_, i) => `d/${i % 7}/ü+${i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => storage.put(key, bytesSource(Buffer.from("x")))));
    }
    proxy.forget();
    expect((await toArray(storage.list(""))).map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(kinds(azure)).toEqual(["GET container list"]);
    proxy.forget();
    expect(await storage.delete([...keys, "d/missing"])).toEqual({ failed: [] });
    expect(kinds(azure)).toEqual(Array(3).fill("POST container batch"));
    expect(await toArray(storage.list(""))).toEqual([]);
  });

  test("where a server knows no batches, every object is deleted by itself", async () => {
    await using azure = await openAzure(server);
    const { storage, proxy } = azure;
    const keys = Array.from({ length: 300 }, (_, i) => `d/${i}`);
    await Promise.all(keys.map((key) => storage.put(key, bytesSource(Buffer.from("x")))));
    proxy.spoil(({ method }) => (method === "POST" ? { kind: "answer", status: 405 } : undefined));
    proxy.forget();
    expect(await storage.delete([...keys, "d/missing"])).toEqual({ failed: [] });
    expect(kinds(azure).filter((kind) => kind !== "DELETE blob")).toEqual(["POST container batch"]);
    expect(await toArray(storage.list(""))).toEqual([]);
  });

  test("a backup costs one request for a new file, and nothing but the listing for one that is there", async () => {
    await using azure = await openAzure(server);
    const { storage, proxy } = azure;
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

  test("what an object was told goes with it, however it is sent, and stays when it is renewed", async () => {
    const settings = { storageClass: "cool", tags: { team: "db + co", stage: "a/b:c" } };
    const metadata = { "x-amz-key-v2": "wrapped=", a_b: "1", a2: "2", plain: "3" };
    const blockBytes = mebibyte;
    await using azure = await openAzure(server, { settings, blockBytes });
    const { storage, proxy } = azure;
    const sizes = { "c/d/n/small": 100, "c/d/n/whole": 300_000, "c/d/n/blocks": 3 * mebibyte };
    for (const [key, size] of Object.entries(sizes)) {
      proxy.forget();
      await storage.put(key, bytesSource(sampleBytes(size)), { metadata, tags: { own: "x" } });
      const { headers = {} } = proxy.seen.at(-1) ?? {};
      expect(headers).toMatchObject({ "x-ms-meta-x_2damz_2dkey_2dv2": "wrapped=", "x-ms-meta-plain": "3" });
      const tags = new URLSearchParams(String(headers["x-ms-tags"]));
      expect(Object.fromEntries(tags)).toEqual({ ...settings.tags, own: "x" });
      expect(headers["x-ms-access-tier"]).toBe(size < 128 * 1024 ? undefined : "Cool");
      proxy.forget();
      await storage.refresh(key);
      expect(kinds(azure)).toEqual(["HEAD blob", "PUT blob metadata"]);
      expect((await storage.get(key)).metadata).toEqual(metadata);
    }
  });

  test("a large object is sent in blocks, each once, and the next try sends those that are missing", async () => {
    await using azure = await openAzure(server, { blockBytes: mebibyte, settings: { maxUploads: 1 } });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(5 * mebibyte + 5);
    const isBlock = ({ url }: SeenRequest) => /[?&]comp=block(&|$)/.test(url);
    const isCommit = ({ url }: SeenRequest) => url.includes("comp=blocklist") && !url.includes("blocklisttype");
    let sent = 0;
    proxy.spoil((request) => (isBlock(request) && ++sent > 4 ? { kind: "answer", status: 403 } : undefined));
    await expect(storage.put("c/d/n/k", bytesSource(bytes))).rejects.toMatchObject({ code: "unauthorized" });
    expect(await storage.stat("c/d/n/k")).toBeUndefined();
    expect(await toArray(storage.list(""))).toEqual([]);

    // Two were never sent, and the bytes of one are others now.
    bytes[2 * mebibyte] = (bytes[2 * mebibyte] ?? 0) ^ 1;
    proxy.spoil((request) => (isCommit(request) ? { kind: "reset" } : undefined));
    proxy.forget();
    const budget = countedBudget();
    const options = { algorithm: "SHA-256", rateLimit: budget } as const;
    const again = upload(storage, "c/d/n/k", bytesSource(bytes), options);
    await expect(again).rejects.toMatchObject({ code: "unreachable", retryable: false });
    expect(proxy.seen.filter(isBlock)).toHaveLength(3);
    // What is there already costs no bandwidth.
    expect(budget.takenBytes).toBe(2 * mebibyte + 5);

    proxy.spoil(() => undefined);
    proxy.forget();
    await upload(storage, "c/d/n/k", bytesSource(bytes), options);
    expect(budget.takenBytes).toBe(2 * mebibyte + 5);
    expect(kinds(azure)).toEqual(["GET blob blocklist", "PUT blob blocklist"]);
    expect((await collect(await storage.get("c/d/n/k"))).equals(bytes)).toBe(true);
  });

  test("what is sealed anew each time is not compared with what an earlier run has left", async () => {
    await using azure = await openAzure(server, { blockBytes: mebibyte });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(3 * mebibyte);
    proxy.spoil(({ url }) => (url.includes("comp=blocklist") ? { kind: "reset" } : undefined));
    await expect(storage.put("c/d/n/k", bytesSource(bytes))).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil(() => undefined);
    proxy.forget();
    const source = bytesSource(sampleBytes(3 * mebibyte, 2));
    await storage.put("c/d/n/k", source, { fresh: true });
    expect(source.opened).toBe(3);
    expect(kinds(azure)).toEqual([...Array(3).fill("PUT blob block"), "PUT blob blocklist"]);
  });

  test("what can only be read in order is read once, and gone on with all the same", async () => {
    await using azure = await openAzure(server, { blockBytes: mebibyte });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(5 * mebibyte + 5);
    const sequential = () => ({ ...bytesSource(bytes), sequential: true });
    proxy.spoil(({ url }) => (url.includes("comp=blocklist") ? { kind: "reset" } : undefined));
    await expect(storage.put("c/d/n/k", sequential())).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil(({ method, url }) =>
      method === "PUT" && url.includes("comp=blocklist") ? { kind: "reset" } : undefined,
    );
    await expect(storage.put("c/d/n/k", sequential())).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil(() => undefined);
    proxy.forget();
    await storage.put("c/d/n/k", sequential());
    expect(kinds(azure)).toEqual(["GET blob blocklist", "PUT blob blocklist"]);
    expect((await collect(await storage.get("c/d/n/k"))).equals(bytes)).toBe(true);
  });
});
