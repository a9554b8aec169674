import { describe, expect, test } from "vitest";
import { AppError } from "../../errors.ts";
import { UploadSlots } from "./upload-slots.ts";

/** Sends that end when told to. */
function sends() {
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const send = (index: number, signal: AbortSignal) => {
    begun.push(index);
    return new Promise<void>((resolve, reject) => {
      ends.set(index, resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  };
  const end = async (index: number) => {
    ends.get(index)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, send, end };
}

describe("parts of one object", () => {
  test("go one by one while others send, and use what is free", async () => {
    const slots = new UploadSlots(3);
    const [busy, ours] = [Promise.withResolvers<void>(), sends()];
    const others = [slots.use(() => busy.promise), slots.use(() => busy.promise)];
    const spread = slots.use(() => slots.spread(6, ours.send, undefined));
    await ours.end(0);
    expect(ours.begun).toEqual([0, 1]);
    busy.resolve();
    await Promise.all(others);
    await ours.end(1);
    expect(ours.begun).toEqual([0, 1, 2, 3, 4]);
    for (const index of [4, 2, 3, 5]) await ours.end(index);
    await spread;
    expect(ours.begun).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("give way to other objects", async () => {
    const slots = new UploadSlots(2);
    const ours = sends();
    const spread = slots.use(() => slots.spread(6, ours.send, undefined));
    await ours.end(0);
    expect(ours.begun).toEqual([0, 1, 2]);
    const other = Promise.withResolvers<void>();
    const put = slots.use(() => other.promise);
    await ours.end(1);
    expect(ours.begun).toEqual([0, 1, 2]);
    await ours.end(2);
    expect(ours.begun).toEqual([0, 1, 2, 3]);
    other.resolve();
    await put;
    for (const index of [3, 4, 5]) await ours.end(index);
    await spread;
  });

  test("end with the first failure, when all have settled", async () => {
    const slots = new UploadSlots(4);
    const failure = new AppError("storage", "no");
    let settled = 0;
    const spread = slots.use(() =>
      slots.spread(
        9,
        async (index, signal) => {
          if (index === 0) return;
          if (index === 2) throw failure;
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          settled += 1;
          throw new AppError("cancelled", "by the failure");
        },
        undefined,
      ),
    );
    await expect(spread).rejects.toBe(failure);
    expect(settled).toBe(3);
  });

  test("end with an abort", async () => {
    const stop = new AbortController();
    const ours = sends();
    const slots = new UploadSlots(2);
    const spread = slots.use(() => slots.spread(3, ours.send, stop.signal));
    const aborted = expect(spread).rejects.toMatchObject({ code: "cancelled" });
    stop.abort();
    await aborted;
    expect(ours.begun).toEqual([0]);
  });
});
