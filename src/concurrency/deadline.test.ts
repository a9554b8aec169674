import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { AppError } from "../errors.ts";
import { withDeadline } from "./deadline.ts";

describe("withDeadline", () => {
  test("aborts with a timeout that says what was late", async () => {
    const clock = new ManualClock();
    using signal = withDeadline(30_000, undefined, "the health check", clock);
    await clock.advance(29_999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.reason).toMatchObject({
      code: "timeout",
      message: "the health check did not finish within 30.0 s",
    });
  });

  test("passes on an outer abort, earlier or later, with its reason", () => {
    const clock = new ManualClock();
    const outer = new AbortController();
    using before = withDeadline(10, outer.signal, "it", clock);
    const reason = new AppError("cancelled", "enough");
    outer.abort(reason);
    using after = withDeadline(10, outer.signal, "it", clock);
    expect(before.reason).toBe(reason);
    expect(after.reason).toBe(reason);
  });

  test("leaves no timer behind, and is not aborted by the end of its block", () => {
    const clock = new ManualClock();
    let kept: AbortSignal;
    {
      using signal = withDeadline(10, new AbortController().signal, "it", clock);
      kept = signal;
      expect(clock.sleeping).toBe(1);
    }
    expect(clock.sleeping).toBe(0);
    expect(kept.aborted).toBe(false);
  });
});
