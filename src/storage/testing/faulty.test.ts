import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { bytesSource, collect, sampleBytes } from "../../../test/harness/sample-bytes.ts";
import { type Fault, faultyStorage, type PlannedFault } from "./faulty.ts";
import { memoryStorage } from "./memory.ts";

const bytes = sampleBytes(100_000);

async function withPlans(...plans: PlannedFault[]) {
  const memory = memoryStorage({ clock: new ManualClock() });
  await memory.put("k", bytesSource(bytes));
  return { memory, faulty: faultyStorage(memory, plans) };
}

describe("faultyStorage", () => {
  test("strikes the calls it is told to, and no others", async () => {
    const matches = (key: string) => key.startsWith("d/");
    const { faulty } = await withPlans({ method: "stat", matches, skip: 1, times: 2, fault: { kind: "before" } });
    const outcomes: string[] = [];
    for (const key of ["k", "d/1", "d/2", "k", "d/3", "d/4"]) {
      outcomes.push(
        await faulty.stat(key).then(
          () => "fine",
          () => "struck",
        ),
      );
    }
    expect(outcomes).toEqual(["fine", "fine", "struck", "fine", "struck", "fine"]);
    faulty.assertAllHit();
  });

  test("tells which planned faults did not strike", async () => {
    const { faulty } = await withPlans(
      { method: "stat", fault: { kind: "before" } },
      { method: "put", times: 2, fault: { kind: "after" } },
    );
    await expect(faulty.stat("k")).rejects.toMatchObject({ code: "storage" });
    expect(() => faulty.assertAllHit()).toThrow(/after of put$/);
  });

  test("an error after the effect leaves the effect", async () => {
    const { faulty, memory } = await withPlans(
      { method: "put", fault: { kind: "after" } },
      { method: "delete", fault: { kind: "after" } },
    );
    await expect(faulty.put("new", bytesSource(bytes))).rejects.toMatchObject({ code: "storage" });
    expect((await collect(await memory.get("new"))).equals(bytes)).toBe(true);
    await expect(faulty.delete(["k"])).rejects.toMatchObject({ code: "storage" });
    expect(await memory.stat("k")).toBeUndefined();
  });

  test("a cut lets exactly so many bytes pass", async () => {
    const { faulty, memory } = await withPlans(
      { method: "get", fault: { kind: "cut", after: 12_345 } },
      { method: "put", fault: { kind: "cut", after: 12_345 } },
    );
    let read = 0;
    const run = async () => {
      for await (const chunk of await faulty.get("k")) read += chunk.length;
    };
    await expect(run()).rejects.toMatchObject({ code: "storage" });
    expect(read).toBe(12_345);
    await expect(faulty.put("new", bytesSource(bytes))).rejects.toMatchObject({ code: "storage" });
    expect(await memory.stat("new")).toBeUndefined();
  });

  test("a wrong byte is one wrong byte", async () => {
    const fault: Fault = { kind: "wrong-byte", at: 54_321 };
    const { faulty, memory } = await withPlans({ method: "get", fault }, { method: "put", fault });
    const differing = (found: Buffer) => [...found.keys()].filter((i) => found[i] !== bytes[i]);
    expect(differing(await collect(await faulty.get("k")))).toEqual([54_321]);
    await faulty.put("new", bytesSource(bytes));
    expect(differing(await collect(await memory.get("new")))).toEqual([54_321]);
  });

  test("a hanging call ends with its signal, a waiting one goes on", async () => {
    const gate = Promise.withResolvers<void>();
    const { faulty } = await withPlans(
      { method: "stat", times: 2, fault: { kind: "hang" } },
      { method: "refresh", fault: { kind: "wait", until: gate.promise } },
    );
    const stop = new AbortController();
    const hanging = expect(faulty.stat("k", { signal: stop.signal })).rejects.toMatchObject({ code: "cancelled" });
    stop.abort();
    await hanging;
    await expect(faulty.stat("k")).rejects.toMatchObject({ code: "internal" });
    const waiting = faulty.refresh("k");
    gate.resolve();
    await waiting;
    faulty.assertAllHit();
  });
});
