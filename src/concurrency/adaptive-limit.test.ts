import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { AppError } from "../errors.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";

/** Starts so many calls; each ends when told to. */
function started(limit: AdaptiveLimit, count: number, signal?: AbortSignal) {
  const calls = Array.from({ length: count }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const call = { running: false, end: resolve, fail: reject, done: Promise.resolve() };
    call.done = limit.run(() => {
      call.running = true;
      return promise;
    }, signal);
    call.done.catch(() => undefined);
    return call;
  });
  const running = () => calls.filter((call) => call.running).length;
  return { calls, running };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

const refusal = new AppError("throttled", "too many");

describe("AdaptiveLimit", () => {
  test("limits nothing until a call is refused, then to the number still under way", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const { calls, running } = started(limit, 8);
    expect(running()).toBe(8);
    for (const call of calls.slice(0, 5)) call.fail(refusal);
    await settled();
    expect(limit.current).toBe(3);
    const more = started(limit, 3);
    await settled();
    expect(more.running()).toBe(0);
    calls[5]?.end();
    calls[6]?.end();
    await settled();
    expect(more.running()).toBe(2);
  });

  test("is never below one", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const { calls } = started(limit, 4);
    for (const call of calls) call.fail(refusal);
    await settled();
    expect(limit.current).toBe(1);
    await limit.run(async () => undefined, undefined);
  });

  test("grows by one a second while calls go well, and is gone once it is what there was before", async () => {
    const clock = new ManualClock();
    const limit = new AdaptiveLimit(clock);
    const { calls } = started(limit, 4);
    for (const call of calls) call.fail(refusal);
    await settled();
    const seen: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      await clock.advance(500);
      await limit.run(async () => undefined, undefined);
      seen.push(limit.current);
    }
    expect(seen).toEqual([1, 2, 2, 3, 3, Number.POSITIVE_INFINITY]);
  });

  test("other failures change nothing, and give their place away", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const { calls } = started(limit, 2);
    calls[0]?.fail(refusal);
    await settled();
    const next = started(limit, 1);
    calls[1]?.fail(new Error("no"));
    await settled();
    expect(limit.current).toBe(1);
    expect(next.running()).toBe(1);
  });

  test("who gives up waiting leaves the queue, and the next one goes", async () => {
    const limit = new AdaptiveLimit(new ManualClock());
    const { calls } = started(limit, 2);
    calls[0]?.fail(refusal);
    await settled();
    const stop = new AbortController();
    const [given] = started(limit, 1, stop.signal).calls;
    const next = started(limit, 1);
    const cancelled = expect(given?.done).rejects.toMatchObject({ code: "cancelled" });
    stop.abort();
    await cancelled;
    calls[1]?.end();
    await settled();
    expect(next.running()).toBe(1);
  });
});
