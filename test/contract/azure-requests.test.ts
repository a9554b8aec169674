/** What the Azure driver asks of a server, counted and looked at on the wire. */
import { expect, test } from "vitest";
import { upload } from "../../src/transfer/transfer.ts";
import { startAzurite } from "../harness/azurite.ts";
import { casesOn } from "../harness/cases-on.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { openAzure } from "../harness/opened-azure.ts";
import { bytesSource, sampleBytes } from "../harness/sample-bytes.ts";
import { blockBytes, proxiedAzure } from "./proxied-azure.ts";
import { isOf, kindsSeen, mebibyte } from "./proxied-store.ts";
import { describeRequests } from "./requests-contract.ts";
import { keysOf, read, text } from "./storage-fixture.ts";

casesOn("requests: Azure", await startAzurite(), (server) => {
  const store = proxiedAzure(server);
  describeRequests(store);

  test("where a server knows no batches, every object is deleted by itself", async () => {
    await using azure = await openAzure(server);
    const { storage, proxy } = azure;
    const keys = Array.from({ length: 300 }, (_, i) => `d/${i}`);
    await Promise.all(keys.map((key) => storage.put(key, text("x"))));
    proxy.spoil(({ method }) => (method === "POST" ? { kind: "answer", status: 405 } : undefined));
    proxy.forget();
    expect(await storage.delete([...keys, "d/missing"])).toEqual({ failed: [] });
    expect(kindsSeen(store, azure).filter((kind) => kind !== "DELETE blob")).toEqual(["delete"]);
    expect(await keysOf(storage)).toEqual([]);
  });

  test("metadata goes under names that the store takes, and comes back under its own and no others", async () => {
    const metadata = { "x-amz-key-v2": "wrapped=", a_b: "1", a2: "2", plain: "3" };
    await using azure = await openAzure(server, { blockBytes });
    const { storage, proxy } = azure;
    for (const size of [100, 2 * mebibyte]) {
      await storage.put("k", bytesSource(sampleBytes(size)), { metadata });
      const { headers } = proxy.seen.at(-1) ?? {};
      expect(headers).toMatchObject({ "x-ms-meta-x_2damz_2dkey_2dv2": "wrapped=", "x-ms-meta-plain": "3" });
      expect((await storage.get("k")).metadata).toEqual(metadata);
    }
  });

  test("of a large object that was cut short the next try sends the blocks that are missing, and no others", async () => {
    await using azure = await openAzure(server, { blockBytes, settings: { maxUploads: 1 } });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(5 * mebibyte + 5);
    const [isBlock, isCommit] = [isOf(store, "piece"), isOf(store, "end")];
    let sent = 0;
    proxy.spoil((request) => (isBlock(request) && ++sent > 4 ? { kind: "answer", status: 403 } : undefined));
    await expect(storage.put("c/d/n/k", bytesSource(bytes))).rejects.toMatchObject({ code: "unauthorized" });
    expect(await storage.stat("c/d/n/k")).toBeUndefined();
    expect(await keysOf(storage)).toEqual([]);

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
    expect(kindsSeen(store, azure)).toEqual(["begin", "end"]);
    expect((await read(storage, "c/d/n/k")).equals(bytes)).toBe(true);
  });

  test("bytes that are encrypted again each time are not compared with those of an earlier run", async () => {
    await using azure = await openAzure(server, { blockBytes: mebibyte });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(3 * mebibyte);
    proxy.spoil(({ url }) => (url.includes("comp=blocklist") ? { kind: "reset" } : undefined));
    await expect(storage.put("c/d/n/k", bytesSource(bytes))).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil(() => undefined);
    proxy.forget();
    const source = bytesSource(sampleBytes(3 * mebibyte, 2));
    await storage.put("c/d/n/k", source, { resumable: false });
    expect(source.opened).toBe(3);
    expect(kindsSeen(store, azure)).toEqual([...Array(3).fill("piece"), "end"]);
  });

  test("a source that can only be read in order is read once, and its upload is resumed all the same", async () => {
    await using azure = await openAzure(server, { blockBytes });
    const { storage, proxy } = azure;
    const bytes = sampleBytes(5 * mebibyte + 5);
    const sequential = () => ({ ...bytesSource(bytes), sequential: true });
    const [isList, isCommit] = [isOf(store, "begin", "end"), isOf(store, "end")];
    proxy.spoil((request) => (isList(request) ? { kind: "reset" } : undefined));
    await expect(storage.put("c/d/n/k", sequential())).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil((request) => (isCommit(request) ? { kind: "reset" } : undefined));
    await expect(storage.put("c/d/n/k", sequential())).rejects.toMatchObject({ code: "unreachable" });
    proxy.spoil(() => undefined);
    proxy.forget();
    await storage.put("c/d/n/k", sequential());
    expect(kindsSeen(store, azure)).toEqual(["begin", "end"]);
    expect((await read(storage, "c/d/n/k")).equals(bytes)).toBe(true);
  });
});
