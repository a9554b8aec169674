import { describe, expect, test } from "vitest";
import { abortable, orAborted } from "./abortable.ts";

const never = new Promise<never>(() => undefined);

describe("orAborted", () => {
  test("gives the outcome of the promise, or the abort when that is first", async () => {
    const stop = new AbortController();
    expect(await orAborted(Promise.resolve(1), stop.signal)).toBe(1);
    expect(await orAborted(Promise.resolve(2), undefined)).toBe(2);
    await expect(orAborted(Promise.reject(new Error("x")), stop.signal)).rejects.toThrow("x");
    const stuck = orAborted(never, stop.signal);
    stop.abort();
    await expect(stuck).rejects.toMatchObject({ code: "cancelled" });
    await expect(orAborted(never, stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("abortable", () => {
  test("ends a stuck iteration on abort", async () => {
    const stop = new AbortController();
    async function* items() {
      yield 1;
      stop.abort();
      await never;
    }
    const seen: number[] = [];
    const run = async () => {
      for await (const item of abortable(items(), stop.signal)) seen.push(item);
    };
    await expect(run()).rejects.toMatchObject({ code: "cancelled" });
    expect(seen).toEqual([1]);
  });

  test("closes what it iterates when its consumer stops", async () => {
    let closed = false;
    async function* items() {
      try {
        yield 1;
        yield 2;
      } finally {
        closed = true;
      }
    }
    for await (const _ of abortable(items(), undefined)) break;
    expect(closed).toBe(true);
  });
});
