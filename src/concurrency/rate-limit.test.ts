import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { rateLimit, unlimited } from "./rate-limit.ts";

describe("rateLimit", () => {
  test.each([1_000, 100_000, 50_000_000])(
    "grants %i bytes a second within 5 %% over 10 s to several takers",
    async (rate) => {
      const clock = new ManualClock();
      const limit = rateLimit(rate, clock);
      const stop = new AbortController();
      let granted = 0;
      const take = async () => {
        for (;;) {
          await limit.take(limit.maxTakeBytes, stop.signal);
          granted += limit.maxTakeBytes;
        }
      };
      const takers = Array.from({ length: 5 }, () => take().catch(() => undefined));
      await clock.advance(10_000);
      expect(granted / (10 * rate)).toBeGreaterThan(0.95);
      expect(granted / (10 * rate)).toBeLessThan(1.05);
      stop.abort();
      await clock.advance(1_000);
      await Promise.all(takers);
    },
  );

  test("serves first come first", async () => {
    const clock = new ManualClock();
    const limit = rateLimit(1_000, clock);
    const order: string[] = [];
    const takes = ["a", "b", "c"].map((name, i) => limit.take(50 - i * 10).then(() => order.push(name)));
    await clock.advance(1_000);
    await Promise.all(takes);
    expect(order).toEqual(["a", "b", "c"]);
  });

  test("an aborted take costs nothing and holds up nobody", async () => {
    const clock = new ManualClock();
    const limit = rateLimit(1_000, clock);
    const stop = new AbortController();
    const aborted = limit.take(1_000_000, stop.signal);
    const next = limit.take(50);
    await clock.advance(10);
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ code: "cancelled" });
    await clock.advance(50);
    await next;
    expect(clock.sleeping).toBe(0);
  });

  test("time that nobody used is not saved up: even then it is 5 % within 10 s", async () => {
    const clock = new ManualClock();
    const limit = rateLimit(1_000, clock);
    await clock.advance(3_600_000);
    let granted = 0;
    const takes = Array.from({ length: 300 }, () => limit.take(50).then(() => (granted += 50)));
    await clock.advance(10_000);
    expect(granted).toBeLessThanOrEqual(10_500);
    await clock.advance(10_000);
    await Promise.all(takes);
  });

  test("unlimited waits for nothing but heeds the signal", async () => {
    await unlimited.take(Number.MAX_SAFE_INTEGER);
    await expect(unlimited.take(1, AbortSignal.abort())).rejects.toMatchObject({ code: "cancelled" });
  });
});
