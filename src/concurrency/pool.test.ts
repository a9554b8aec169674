import { describe, expect, test } from "vitest";
import { AppError } from "../errors.ts";
import { forEachConcurrently } from "./pool.ts";

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }),
  );
}

describe("forEachConcurrently", () => {
  test.each([1, 3, 10])("does every item once, at most %i at a time", async (limit) => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await forEachConcurrently(
      Array.from({ length: 20 }, (_, i) => i),
      limit,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done.push(item);
      },
    );
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBe(limit);
  });

  test("takes async items only as fast as they are worked on", async () => {
    let taken = 0;
    let worked = 0;
    async function* items() {
      for (let i = 0; i < 10; i++) {
        taken += 1;
        expect(taken - worked).toBeLessThanOrEqual(2);
        yield i;
      }
    }
    await forEachConcurrently(items(), 2, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      worked += 1;
    });
    expect(worked).toBe(10);
  });

  test("throws the first failure, after the others were aborted and have settled", async () => {
    const failure = new AppError("io", "the real one");
    let settled = 0;
    const started: number[] = [];
    const run = forEachConcurrently([0, 1, 2, 3, 4, 5], 3, async (item, signal) => {
      started.push(item);
      if (item === 1) throw failure;
      try {
        await untilAborted(signal);
      } finally {
        settled += 1;
      }
    });
    await expect(run).rejects.toBe(failure);
    expect(settled).toBe(started.length - 1);
    expect(started.length).toBeLessThanOrEqual(3);
  });

  test("closes the iterator after a failure and reports a failing iterator", async () => {
    let closed = false;
    function* items() {
      try {
        yield 1;
        yield 2;
        yield 3;
      } finally {
        closed = true;
      }
    }
    const failure = new Error("no");
    await expect(forEachConcurrently(items(), 1, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(closed).toBe(true);
    async function* broken() {
      yield 1;
      throw failure;
    }
    await expect(forEachConcurrently(broken(), 4, () => undefined)).rejects.toBe(failure);
  });

  test("an abort from outside stops calls and a stuck iterator, and its reason is thrown", async () => {
    const outer = new AbortController();
    const reason = new AppError("timeout", "too late");
    async function* stuck() {
      yield 1;
      await new Promise(() => undefined);
    }
    const run = forEachConcurrently(stuck(), 2, (_, signal) => untilAborted(signal), { signal: outer.signal });
    outer.abort(reason);
    await expect(run).rejects.toBe(reason);
    await expect(forEachConcurrently([1], 1, () => undefined, { signal: outer.signal })).rejects.toBe(reason);
  });
});
