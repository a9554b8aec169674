import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, collect, sampleBytes } from "../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { rateLimit } from "../concurrency/concurrency.ts";
import { silentLogger } from "../log.ts";
import { defaultRetryPolicy } from "../retry/retry.ts";
import type { ByteRange, Storage } from "../storage/storage.ts";
import { faultyStorage, memoryStorage, type PlannedFault, withRetries } from "../storage/testing/testing.ts";
import { upload } from "./upload.ts";

const bytes = sampleBytes(300_000);
const sha256 = createHash("sha256").update(bytes).digest("hex");

function memoryWithFaults(...plans: PlannedFault[]) {
  const clock = Object.assign(new ManualClock(), { sleep: async () => undefined });
  const memory = memoryStorage({ clock });
  const faulty = faultyStorage(memory, plans);
  const storage = withRetries(faulty, {
    ...defaultRetryPolicy,
    clock,
    random: () => 1,
    log: silentLogger,
    maxAttempts: 5,
  });
  return { memory, faulty, storage };
}

/** A store that reads a put's source by these ranges, as one that sends parts does. */
function inParts(memory: Storage, ranges: readonly ByteRange[]): Storage {
  return {
    ...memory,
    put: async (key, source) => {
      const whole = Buffer.alloc(source.sizeBytes);
      for (const range of ranges) (await collect(source.open(range))).copy(whole, range.start);
      return memory.put(key, bytesSource(whole));
    },
  };
}

describe("upload", () => {
  test("stores a file and gives its hash, having read it once", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "file");
    await writeFile(path, bytes);
    const { storage, memory } = memoryWithFaults();
    expect(await upload(storage, "d/k", path, { algorithm: "SHA-256" })).toEqual({ sizeBytes: 300_000, hash: sha256 });
    expect((await collect(await memory.get("d/k"))).equals(bytes)).toBe(true);
    const source = bytesSource(bytes);
    expect(await upload(storage, "d/k", source, { algorithm: "SHA-256" })).toEqual({
      sizeBytes: 300_000,
      hash: sha256,
    });
    expect(source.opened).toBe(1);
    expect(await upload(storage, "d/k", source, { algorithm: "NONE" })).toEqual({
      sizeBytes: 300_000,
      hash: undefined,
    });
    expect(source.opened).toBe(2);
  });

  test("gives the hash of the pass that succeeded, and takes back the progress of those that did not", async () => {
    const { storage, memory, faulty } = memoryWithFaults(
      { method: "put", fault: { kind: "cut", after: 100_000 } },
      { method: "put", fault: { kind: "after" } },
    );
    const progress: number[] = [];
    const onBytes = (moved: number) => progress.push(moved);
    const result = await upload(storage, "k", bytesSource(bytes), { algorithm: "SHA-256", onBytes });
    expect(result.hash).toBe(sha256);
    expect((await collect(await memory.get("k"))).equals(bytes)).toBe(true);
    expect(progress.reduce((sum, moved) => sum + moved, 0)).toBe(300_000);
    expect(progress.filter((moved) => moved < 0)).toHaveLength(2);
    faulty.assertAllHit();
  });

  const parts = [0, 1, 2].map((i) => ({ start: i * 100_000, end: (i + 1) * 100_000 }));
  const [first = { start: 0, end: 0 }, second = first, third = first] = parts;
  test.each([
    ["in order", parts, 3],
    ["in order, one of them twice", [first, second, second, third], 4],
    ["in order, one of them begun before the end of the last", [first, { start: 50_000, end: 200_000 }, third], 3],
    ["out of order", [second, first, third], 4],
    ["backwards", [third, second, first], 4],
  ])("hashes parts %s", async (_, ranges, opened) => {
    const { memory } = memoryWithFaults();
    const source = bytesSource(bytes);
    expect(await upload(inParts(memory, ranges), "k", source, { algorithm: "SHA-256" })).toMatchObject({
      hash: sha256,
    });
    expect(source.opened).toBe(opened);
  });

  test("keeps to the budget", async () => {
    const clock = new ManualClock();
    const { storage } = memoryWithFaults();
    let moved = 0;
    const done = upload(storage, "k", bytesSource(bytes), {
      algorithm: "CRC",
      rateLimit: rateLimit(100_000, clock),
      onBytes: (count) => {
        moved += count;
      },
    });
    await clock.advance(1_000);
    expect(moved).toBeGreaterThan(90_000);
    expect(moved).toBeLessThan(110_000);
    await clock.advance(2_500);
    expect((await done).sizeBytes).toBe(300_000);
  });

  test("ends with its signal while it waits for the budget, and for a file that is not there", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const { storage, memory } = memoryWithFaults();
    const options = { algorithm: "CRC", rateLimit: rateLimit(1, clock), signal: stop.signal } as const;
    const cancelled = expect(upload(storage, "k", bytesSource(bytes), options)).rejects.toMatchObject({
      code: "cancelled",
    });
    await clock.advance(1_000);
    stop.abort();
    await cancelled;
    expect(await memory.stat("k")).toBeUndefined();
    await expect(upload(storage, "k", "/nonexistent/file", { algorithm: "CRC" })).rejects.toMatchObject({
      code: "not-found",
    });
  });
});
