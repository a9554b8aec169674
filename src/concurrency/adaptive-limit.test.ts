import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { AdaptiveLimit } from "./concurrency.ts";

/** Starts so many calls; each ends when told to. */
function started(limit: AdaptiveLimit, count: number, signal?: AbortSignal) {
  const calls = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const call = { running: false, end: resolve, done: Promise.resolve() };
    call.done = limit.run(() => {
      call.running = true;
      return promise;
    }, signal);
    return call;
  });
  const running = () => calls.filter((call) => call.running).length;
  return { calls, running };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("AdaptiveLimit", () => {
  test("lets everybody go until somebody complains, then half as many", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const first = started(limit, 8);
    expect(first.running()).toBe(8);
    limit.lower();
    expect(limit.current).toBe(4);
    const more = started(limit, 3);
    await settled();
    expect(more.running()).toBe(0);
    for (const call of first.calls.slice(0, 4)) call.end();
    await settled();
    // Four are still running, and four have succeeded: room for one more.
    expect(limit.current).toBe(4);
    expect(more.running()).toBe(0);
    first.calls[4]?.end();
    await settled();
    expect(more.running()).toBe(2);
  });

  test("counts one burst of complaints once, and never goes below one", async () => {
    const clock = new ManualClock();
    const limit = new AdaptiveLimit(clock);
    const calls = started(limit, 16);
    for (let i = 0; i < 16; i += 1) limit.lower();
    expect(limit.current).toBe(8);
    for (let i = 0; i < 10; i += 1) {
      await clock.advance(1000);
      limit.lower();
    }
    expect(limit.current).toBe(1);
    for (const call of calls.calls) call.end();
    await Promise.all(calls.calls.map(({ done }) => done));
  });

  test("is gone once as many calls go well as there were before", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const many = started(limit, 4);
    limit.lower();
    for (const call of many.calls) call.end();
    await Promise.all(many.calls.map(({ done }) => done));
    for (let i = 0; i < 20; i += 1) await limit.run(async () => undefined, undefined);
    expect(limit.current).toBe(Number.POSITIVE_INFINITY);
  });

  test("failures give their place away and raise nothing", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const failing = limit.run(() => Promise.reject(new Error("no")), undefined);
    limit.lower();
    await expect(failing).rejects.toThrow("no");
    expect(limit.current).toBe(1);
    await limit.run(async () => undefined, undefined);
  });

  test("who gives up waiting leaves the queue, and the next one goes", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const first = started(limit, 1);
    limit.lower();
    const stop = new AbortController();
    const [given] = started(limit, 1, stop.signal).calls;
    const next = started(limit, 1);
    const cancelled = expect(given?.done).rejects.toMatchObject({ code: "cancelled" });
    stop.abort();
    await cancelled;
    first.calls[0]?.end();
    await settled();
    expect(next.running()).toBe(1);
  });
});
