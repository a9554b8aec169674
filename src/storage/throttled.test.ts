import { expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, seededRandom } from "../../test/harness/sample-bytes.ts";
import { AdaptiveLimit, forEachConcurrently } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import { silentLogger } from "../log.ts";
import { RetryBudget } from "../retry/budget.ts";
import { defaultRetryPolicy } from "../retry/retry.ts";
import type { Storage } from "./contract.ts";
import { memoryStorage } from "./testing/memory.ts";
import { withLimit, withRetries } from "./testing/testing.ts";

/** A store that takes so many puts at once, each of 50 ms, and refuses all further ones. */
function narrow(storage: Storage, room: number, clock: ManualClock) {
  const seen = { under: 0, refused: 0 };
  const put: Storage["put"] = async (key, source, options) => {
    if (seen.under >= room) {
      seen.refused += 1;
      throw new AppError("throttled", "slow down");
    }
    seen.under += 1;
    await clock.sleep(50);
    seen.under -= 1;
    return storage.put(key, source, options);
  };
  return { storage: { ...storage, put }, seen };
}

/** Puts many objects through fifty connections; gives how often the store refused, and how long it took. */
async function run(adapts: boolean) {
  const clock = new ManualClock();
  const { storage, seen } = narrow(memoryStorage({ clock }), 3, clock);
  const limit = new AdaptiveLimit(clock);
  const policy = { ...defaultRetryPolicy, budget: new RetryBudget(5) };
  const limited = adapts ? withLimit(storage, limit) : storage;
  const opened = withRetries(limited, { ...policy, clock, random: seededRandom(7), log: silentLogger });
  const keys = Array.from({ length: 600 }, (_, index) => `k${index}`);
  let done = false;
  const all = forEachConcurrently(keys, 50, async (key) => {
    await opened.put(key, bytesSource(Buffer.from("x")));
  }).finally(() => {
    done = true;
  });
  all.catch(() => undefined);
  const beginMs = clock.monotonic();
  while (!done) await clock.advance(10);
  await all;
  return { refused: seen.refused, ms: clock.monotonic() - beginMs };
}

test("a run finds the pace that a store can keep, and every object gets there", async () => {
  const adapted = await run(true);
  const stubborn = await run(false);
  expect(adapted.refused).toBeGreaterThan(0);
  expect(adapted.refused).toBeLessThan(stubborn.refused / 2);
  // 600 puts of 50 ms, three at a time, take 10 s at the least.
  expect(adapted.ms).toBeLessThan(11_000);
  expect(stubborn.ms).toBeGreaterThan(15_000);
});
