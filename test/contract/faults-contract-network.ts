import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { OpenedStore } from "../harness/opened-store.ts";
import { bytesSource, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { freePort } from "../harness/server-process.ts";
import { isOf, mebibyte, type ProxiedStore, retrying } from "./proxied-store.ts";
import { read } from "./storage-fixture.ts";

export function describeNetwork(store: ProxiedStore): void {
  describeBrokenWays(store);
  describeReads(store);
  describeNobody(store);
}

/** Holds these, which the server had time to store; whatever comes now is given up soon. */
async function openWith(store: ProxiedStore, objects: Readonly<Record<string, Uint8Array>>): Promise<OpenedStore> {
  await using patient = await store.open();
  for (const [key, bytes] of Object.entries(objects)) await patient.storage.put(key, bytesSource(bytes));
  return store.open({ bucket: patient.bucket, timeouts: { connectMs: 5000, idleMs: store.idleMs } });
}

function describeBrokenWays(store: ProxiedStore): void {
  test.each(["reset", "silence", "lose-answer"] as const)("a %s is worth trying again", async (kind) => {
    await using opened = await openWith(store, { k: sampleBytes(3 * mebibyte) });
    const { storage, proxy } = opened;
    proxy.spoil(() => ({ kind }));
    const calls = [
      () => storage.get("k"),
      () => storage.put("k2", bytesSource(sampleBytes(2 * mebibyte))),
      () => storage.put("k2", bytesSource(sampleBytes(10))),
      // An SDK would wait too long.
      ...(kind !== "silence" || store.sendsAll ? [() => storage.stat("k"), () => toArray(storage.list(""))] : []),
    ];
    const failure = { code: kind === "silence" ? "timeout" : "unreachable", retryable: true };
    for (const call of calls) await expect(call()).rejects.toMatchObject(failure);
  });

  test.each(store.sendsAll ? (["cut", "stall"] as const) : (["cut"] as const))(
    "a listing that meets a %s is no shorter listing",
    async (kind) => {
      await using opened = await openWith(store, { a: Buffer.from("x"), b: Buffer.from("x"), c: Buffer.from("x") });
      const { storage, proxy } = opened;
      proxy.spoil(() => ({ kind, after: 100 }));
      const failure = { code: kind === "cut" ? "unreachable" : "timeout", retryable: true };
      await expect(toArray(storage.list(""))).rejects.toMatchObject(failure);
    },
  );
}

function describeReads(store: ProxiedStore): void {
  test.each(["cut", "stall"] as const)("a read that meets a %s fails, and goes on where it stopped", async (kind) => {
    const bytes = sampleBytes(3 * mebibyte);
    await using opened = await openWith(store, { k: bytes });
    const { storage, proxy } = opened;
    const isGet = isOf(store, "get");
    proxy.spoil((request) => (isGet(request) ? { kind, after: mebibyte } : undefined));
    const failure = { code: kind === "cut" ? "unreachable" : "timeout", retryable: true };
    await expect(read(storage, "k")).rejects.toMatchObject(failure);
    proxy.forget();
    expect((await read(retrying(storage), "k")).equals(bytes)).toBe(true);
    const starts = proxy.seen.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? "bytes=0-")?.[1]));
    expect(starts.length).toBeGreaterThanOrEqual(3);
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
  });

  test("a slow reader is no stall", async () => {
    const bytes = sampleBytes(2 * mebibyte);
    await using opened = await openWith(store, { k: bytes });
    const chunks: Uint8Array[] = [];
    for await (const chunk of await opened.storage.get("k")) {
      if (chunks.length === 1) await delay(2 * store.idleMs);
      chunks.push(chunk);
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test("a slow source is no stall", async () => {
    await using opened = await store.open({ inPieces: true, timeouts: { connectMs: 5000, idleMs: store.idleMs } });
    const bytes = sampleBytes(2 * mebibyte);
    async function* slowly() {
      yield bytes.subarray(0, mebibyte);
      await delay(2 * store.idleMs);
      yield bytes.subarray(mebibyte);
    }
    await opened.storage.put("k", { sizeBytes: bytes.length, sequential: true, open: slowly });
    expect((await read(opened.storage, "k")).equals(bytes)).toBe(true);
  });
}

function describeNobody(store: ProxiedStore): void {
  test("a server that accepts, and never says a word, is given up", async () => {
    const deaf = createServer(() => undefined).listen(0, "127.0.0.1");
    await using _ = { [Symbol.asyncDispose]: async () => void deaf.close() };
    await once(deaf, "listening");
    const address = deaf.address();
    const port = typeof address === "object" ? address?.port : undefined;
    // Over HTTPS there is no connection without a handshake.
    const [scheme, timeouts] = store.needsToken
      ? ["http", { connectMs: 60_000, idleMs: 200 }]
      : ["https", { connectMs: 200, idleMs: 60_000 }];
    const settings = { endpoint: `${scheme}://127.0.0.1:${port}` };
    await using opened = await store.open({ bucket: "bbb", settings, timeouts });
    await expect(opened.storage.get("k")).rejects.toMatchObject({ code: "timeout", retryable: true });
  });

  test("nobody there is unreachable", async () => {
    const settings = { endpoint: `http://127.0.0.1:${await freePort()}` };
    await using opened = await store.open({ bucket: "bbb", settings });
    await expect(opened.storage.get("k")).rejects.toMatchObject({ code: "unreachable", retryable: true });
    await expect(opened.storage.stat("k")).rejects.toMatchObject({ code: "unreachable", retryable: true });
  });
}
