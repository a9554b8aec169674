import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../../../test/harness/sample-bytes.ts";
import { AdaptiveLimit } from "../../concurrency/concurrency.ts";
import { AppError } from "../../errors.ts";
import { silentLogger } from "../../log.ts";
import { RetryBudget } from "../../retry/budget.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../../retry/retry.ts";
import type { ByteRange, Storage } from "../contract.ts";
import { type FaultyStorage, faultyStorage, type PlannedFault } from "../testing/faulty.ts";
import { memoryStorage } from "../testing/memory.ts";
import { withRetries } from "./retries.ts";

const before = { kind: "before" } as const;
const after = { kind: "after" } as const;

/** A store with planned faults and retries whose waits are noted, and end at once. */
function retrying(plans: readonly PlannedFault[], options: Partial<RetryPolicy> & { random?: number } = {}) {
  const waitsMs: number[] = [];
  const clock = Object.assign(new ManualClock(), {
    sleep: async (ms: number) => {
      waitsMs.push(ms);
    },
  });
  const memory = memoryStorage({ clock });
  const faulty: FaultyStorage = faultyStorage(memory, plans);
  const storage: Storage = withRetries(faulty, {
    clock,
    log: silentLogger,
    ...defaultRetryPolicy,
    ...options,
    random: () => options.random ?? 1,
  });
  return { memory, faulty, storage, waitsMs };
}

describe("which failures are tried again", () => {
  test("retryable ones, after waits that double, up to the last try", async () => {
    const failing = retrying([{ method: "stat", times: 5, fault: before }]);
    await expect(failing.storage.stat("k")).rejects.toMatchObject({ code: "storage" });
    expect(failing.waitsMs).toEqual([200, 400, 800, 1600]);
    failing.faulty.assertAllHit();
    const recovering = retrying([{ method: "stat", times: 4, fault: before }], { random: 0.5 });
    expect(await recovering.storage.stat("k")).toBeUndefined();
    expect(recovering.waitsMs).toEqual([100, 200, 400, 800]);
  });

  test("waits are bounded", async () => {
    const { storage, waitsMs } = retrying([{ method: "stat", times: 14, fault: before }], { maxAttempts: 15 });
    await storage.stat("k");
    expect(Math.max(...waitsMs)).toBe(20_000);
  });

  test("a linear policy keeps its longest wait, an exponential one doubles it; both take a random part", async () => {
    const waits = async (policy: Partial<RetryPolicy> & { random?: number }) => {
      const { storage, waitsMs } = retrying([{ method: "stat", times: 3, fault: before }], policy);
      await storage.stat("k");
      return waitsMs;
    };
    expect(await waits({ strategy: "linear", intervalMs: 10_000 })).toEqual([10_000, 10_000, 10_000]);
    expect(await waits({ strategy: "linear", intervalMs: 10_000, random: 0.1 })).toEqual([1000, 1000, 1000]);
    expect(await waits({ strategy: "exponential", intervalMs: 1000 })).toEqual([1000, 2000, 4000]);
    expect(await waits({ strategy: "exponential", intervalMs: 60_000 })).toEqual([60_000, 60_000, 60_000]);
  });

  test("what a store would take later is tried more often, and the limit is lowerFirst", async () => {
    const error = new AppError("throttled", "slow down");
    const limit = new AdaptiveLimit(new ManualClock());
    expect(limit.current).toBe(Number.POSITIVE_INFINITY);
    const plans = (times: number) => [{ method: "stat", times, fault: { kind: "before", error } }] as const;
    const recovering = retrying(plans(14), { limit });
    expect(await recovering.storage.stat("k")).toBeUndefined();
    expect(limit.current).toBe(1);
    const failing = retrying(plans(15));
    await expect(failing.storage.stat("k")).rejects.toBe(error);
    failing.faulty.assertAllHit();
    const once = retrying(plans(1), { maxAttempts: 1 });
    await expect(once.storage.stat("k")).rejects.toBe(error);
  });

  test("a run spends its budget together, calls that succeed fill it again", async () => {
    const budget = new RetryBudget(6);
    const failing = (keys: string, times: number) =>
      ({ method: "stat", matches: (key: string) => keys.includes(key), times, fault: before }) as const;
    const { storage, waitsMs } = retrying([failing("a", 4), failing("bc", 1000)], { budget });
    await storage.stat("a");
    expect(waitsMs).toHaveLength(4);
    await expect(storage.stat("b")).rejects.toMatchObject({ code: "storage" });
    // Two were left, and one was given back.
    expect(waitsMs).toHaveLength(7);
    await expect(storage.stat("c")).rejects.toMatchObject({ code: "storage" });
    expect(waitsMs).toHaveLength(7);
  });

  test("a read that is cut for ever comes to an end", async () => {
    const budget = new RetryBudget(20);
    const cut = { kind: "cut", after: 10 } as const;
    const { memory, storage, waitsMs } = retrying([{ method: "get", times: 1000, fault: cut }], { budget });
    await memory.put("k", bytesSource(sampleBytes(5000)));
    await expect(storage.get("k").then(collect)).rejects.toMatchObject({ code: "storage" });
    expect(waitsMs).toHaveLength(20);
  });

  test("none at all, where one try is all there is", async () => {
    const { storage, waitsMs } = retrying([{ method: "stat", fault: before }], { maxAttempts: 1 });
    await expect(storage.stat("k")).rejects.toMatchObject({ code: "storage" });
    expect(waitsMs).toEqual([]);
  });

  test("no others", async () => {
    for (const error of [new AppError("unauthorized", "no"), new AppError("storage", "no", { retryable: false })]) {
      const { storage, waitsMs } = retrying([{ method: "children", fault: { kind: "before", error } }]);
      await expect(storage.children("")).rejects.toBe(error);
      expect(waitsMs).toEqual([]);
    }
  });

  test("every call is", async () => {
    const methods = ["bucketExists", "createBucket", "stat", "children", "get", "put", "refresh", "delete"] as const;
    const { storage, faulty, waitsMs } = retrying(
      [...methods, "list" as const].map((method) => ({ method, fault: before })),
    );
    await storage.createBucket();
    expect(await storage.bucketExists()).toBe(true);
    await storage.put("d/k", bytesSource(Buffer.from("x")));
    await storage.refresh("d/k");
    expect(await storage.stat("d/k")).toMatchObject({ sizeBytes: 1 });
    expect(await storage.children("")).toEqual(["d"]);
    expect(await toArray(storage.list(""))).toHaveLength(1);
    expect((await collect(await storage.get("d/k"))).toString()).toBe("x");
    expect(await storage.delete(["d/k"])).toEqual({ failed: [] });
    faulty.assertAllHit();
    expect(waitsMs).toHaveLength(9);
  });

  test("an abort ends the waiting", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const faulty = faultyStorage(memoryStorage({ clock }), [{ method: "stat", fault: before }]);
    const storage = withRetries(faulty, { ...defaultRetryPolicy, clock, random: () => 1, log: silentLogger });
    const failed = expect(storage.stat("k", { signal: stop.signal })).rejects.toMatchObject({ code: "cancelled" });
    await clock.advance(100);
    expect(clock.sleeping).toBe(1);
    stop.abort();
    await failed;
  });
});

describe("what trying again means", () => {
  test("a put reads its source again for each attempt", async () => {
    const { storage, memory, faulty } = retrying([{ method: "put", fault: { kind: "cut", after: 50_000 } }]);
    const bytes = sampleBytes(100_000);
    const source = bytesSource(bytes);
    await storage.put("k", source);
    expect(source.opened).toBe(2);
    expect((await collect(await memory.get("k"))).equals(bytes)).toBe(true);
    faulty.assertAllHit();
  });

  test.each([
    [undefined, 0],
    [{ start: 1_000, end: 150_000 }, 1_000],
  ])("a read of %o that breaks goes on where it stopped", async (range, start) => {
    const plans = [40_000, 70_000].map((after): PlannedFault => ({ method: "get", fault: { kind: "cut", after } }));
    const { storage, memory, faulty, waitsMs } = retrying(plans);
    const bytes = sampleBytes(200_000);
    await memory.put("k", bytesSource(bytes));
    const asked: (ByteRange | undefined)[] = [];
    const get = faulty.get.bind(faulty);
    Object.assign(faulty, {
      get: (key: string, options?: { range?: ByteRange }) => {
        asked.push(options?.range);
        return get(key, options);
      },
    });
    const read = await collect(await storage.get("k", { range }));
    expect(read.equals(bytes.subarray(range?.start, range?.end))).toBe(true);
    expect(asked.map((one) => one?.start ?? 0)).toEqual([start, start + 40_000, start + 110_000]);
    expect(waitsMs).toEqual([200, 200]);
    faulty.assertAllHit();
  });

  test("a read that gets nowhere gives up", async () => {
    const { storage, memory, waitsMs } = retrying([{ method: "get", times: 99, fault: { kind: "cut", after: 0 } }]);
    await memory.put("k", bytesSource(sampleBytes(100)));
    const stream = await storage.get("k");
    await expect(collect(stream)).rejects.toMatchObject({ code: "storage" });
    expect(waitsMs).toHaveLength(4);
  });

  test("a listing that breaks gives each object once", async () => {
    const { storage, memory, faulty } = retrying(
      [3, 5].map((after) => ({ method: "list", fault: { kind: "cut", after } })),
    );
    const keys = ["a", "b", "c", "d", "e", "f", "g"];
    for (const key of keys) await memory.put(key, bytesSource(Buffer.from(key)));
    expect((await toArray(storage.list(""))).map(({ key }) => key)).toEqual(keys);
    faulty.assertAllHit();
  });

  test("a delete tries again only what failed and may succeed, and tells what did not", async () => {
    const calls: string[][] = [];
    const permanent = new AppError("unauthorized", "held");
    const passing = new AppError("storage", "try later");
    const memory = memoryStorage({ clock: new ManualClock() });
    const picky: Storage = {
      ...memory,
      delete: async (keys) => {
        calls.push([...keys]);
        const held = keys.includes("held") ? [{ key: "held", error: permanent }] : [];
        const slow = calls.length < 3 && keys.includes("slow") ? [{ key: "slow", error: passing }] : [];
        const never = keys.includes("never") ? [{ key: "never", error: passing }] : [];
        return { failed: [...held, ...slow, ...never] };
      },
    };
    const clock = Object.assign(new ManualClock(), { sleep: async () => undefined });
    const storage = withRetries(picky, {
      ...defaultRetryPolicy,
      clock,
      random: () => 1,
      log: silentLogger,
      maxAttempts: 4,
    });
    expect(await storage.delete(["a", "held", "slow", "never"])).toEqual({
      failed: [
        { key: "held", error: permanent },
        { key: "never", error: passing },
      ],
    });
    expect(calls).toEqual([["a", "held", "slow", "never"], ["slow", "never"], ["slow", "never"], ["never"]]);
  });
});

describe("a put if absent whose first answer was lost", () => {
  test("has won when its own bytes are there", async () => {
    const { storage, faulty } = retrying([{ method: "put", fault: after }]);
    const info = await storage.put("lock", bytesSource(Buffer.from("mine")), { ifAbsent: true });
    expect(info).toMatchObject({ key: "lock", sizeBytes: 4 });
    faulty.assertAllHit();
  });

  test("has lost when another's are", async () => {
    const { storage, memory } = retrying([{ method: "put", fault: before }]);
    await memory.put("lock", bytesSource(Buffer.from("hers")));
    const put = storage.put("lock", bytesSource(Buffer.from("mine")), { ifAbsent: true });
    await expect(put).rejects.toMatchObject({ code: "already-exists" });
  });

  test("has lost at once when nothing was in doubt, even to equal bytes", async () => {
    const { storage, memory } = retrying([]);
    await memory.put("lock", bytesSource(Buffer.from("same")));
    const put = storage.put("lock", bytesSource(Buffer.from("same")), { ifAbsent: true });
    await expect(put).rejects.toMatchObject({ code: "already-exists" });
  });
});
