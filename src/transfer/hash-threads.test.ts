import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sampleBytes } from "../../test/harness/sample-bytes.ts";
import { HashThreads } from "./hash-threads.ts";
import type { Hasher } from "./hasher.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const bytes = sampleBytes(9_000_000);

/** Each chunk lies in memory that is spoiled as soon as the hasher is done with it. */
async function hashInChunks(hasher: Hasher, size: number, chunkBytes: number): Promise<string | undefined> {
  for (let at = 0; at < size; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, Math.min(size, at + chunkBytes)));
    await hasher.update(chunk);
    chunk.fill(0);
  }
  return hasher.digest();
}

function begun(threads: HashThreads): Hasher {
  const hasher = threads.hasher();
  if (hasher === undefined) throw new Error("no thread");
  return hasher;
}

describe("hashing threads", () => {
  test("give the hashes of many streams at once, whatever their chunks", async () => {
    await using threads = new HashThreads(2);
    const stream = fc.record({
      size: fc.integer({ min: 0, max: bytes.length }),
      chunkBytes: fc.integer({ min: 200_000, max: 3_000_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(stream, { minLength: 1, maxLength: 12 }), async (streams) => {
        const hashes = await Promise.all(
          streams.map(({ size, chunkBytes }) => hashInChunks(begun(threads), size, chunkBytes)),
        );
        expect(hashes).toEqual(streams.map(({ size }) => sha256(bytes.subarray(0, size))));
      }),
      { numRuns: 10 },
    );
  });

  test("keep the order of calls that did not wait for each other", async () => {
    await using threads = new HashThreads(1);
    const hasher = begun(threads);
    const pieces = Array.from({ length: 40 }, (_, index) => bytes.subarray(index * 200_000, (index + 1) * 200_000));
    await Promise.all(pieces.map((piece) => hasher.update(piece)));
    expect(await hasher.digest()).toBe(sha256(bytes.subarray(0, 8_000_000)));
  });

  test("a stream that is left takes no room from the others", async () => {
    await using threads = new HashThreads(1);
    for (let left = 0; left < 20; left += 1) {
      const hasher = begun(threads);
      await hasher.update(bytes.subarray(0, 1_000_000));
      hasher.leave();
    }
    expect(await hashInChunks(begun(threads), bytes.length, 700_000)).toBe(sha256(bytes));
  });

  test("a caller that waits for threads that have ended gets an error", async () => {
    const threads = new HashThreads(1);
    const hasher = begun(threads);
    const hashing = expect(hashInChunks(hasher, bytes.length, bytes.length)).rejects.toMatchObject({
      code: "internal",
    });
    await threads[Symbol.asyncDispose]();
    await hashing;
    await expect(hasher.digest()).rejects.toMatchObject({ code: "internal" });
  });

  test("there are none where there is one processor", async () => {
    await using threads = new HashThreads(0);
    expect(threads.hasher()).toBeUndefined();
  });
});
