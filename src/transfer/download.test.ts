import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, sampleBytes } from "../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { rateLimit } from "../concurrency/concurrency.ts";
import { silentLogger } from "../log.ts";
import { defaultRetryPolicy } from "../retry/retry.ts";
import { faultyStorage, memoryStorage, type PlannedFault, withRetries } from "../storage/testing/testing.ts";
import { download, partSuffix } from "./download.ts";
import { HashThreads } from "./hash-threads.ts";

const bytes = sampleBytes(300_000);
const expected = {
  sizeBytes: 300_000,
  hash: createHash("sha256").update(bytes).digest("hex"),
  algorithm: "SHA-256",
} as const;

async function stored(...plans: PlannedFault[]) {
  const directory = await temporaryDirectory();
  const clock = Object.assign(new ManualClock(), { sleep: async () => undefined });
  const memory = memoryStorage({ clock });
  await memory.put("d/k", bytesSource(bytes));
  const faulty = faultyStorage(memory, plans);
  return {
    storage: withRetries(faulty, { ...defaultRetryPolicy, clock, random: () => 1, log: silentLogger, maxAttempts: 3 }),
    faulty,
    target: join(directory.path, "target.db"),
    names: () => readdir(directory.path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

describe("download", () => {
  test("brings the object, replacing what was there, and leaves nothing else", async () => {
    await using it = await stored();
    await writeFile(it.target, "former");
    expect(await download(it.storage, "d/k", it.target, { expected })).toEqual({
      sizeBytes: 300_000,
      hash: expected.hash,
    });
    expect((await readFile(it.target)).equals(bytes)).toBe(true);
    expect(await it.names()).toEqual(["target.db"]);
  });

  test("takes what comes where nothing is expected", async () => {
    await using it = await stored();
    expect(await download(it.storage, "d/k", it.target, { expected: { algorithm: "NONE" } })).toEqual({
      sizeBytes: 300_000,
      hash: undefined,
    });
    const crc = await download(it.storage, "d/k", it.target, { expected: { algorithm: "CRC" } });
    expect(crc.hash).toMatch(/^\d+$/);
    expect((await readFile(it.target)).equals(bytes)).toBe(true);
  });

  test("of a large file the hash is taken on another thread, and counts as much", async () => {
    await using threads = new HashThreads(1);
    const large = sampleBytes(9_000_000);
    const right = { sizeBytes: large.length, hash: createHash("sha256").update(large).digest("hex") };
    await using it = await stored();
    await it.storage.put("d/large", bytesSource(large));
    const algorithm = "SHA-256";
    expect(await download(it.storage, "d/large", it.target, { expected: { ...right, algorithm }, threads })).toEqual(
      right,
    );
    expect((await readFile(it.target)).equals(large)).toBe(true);
    large[8_999_999] = (large[8_999_999] ?? 0) ^ 1;
    await it.storage.put("d/large", bytesSource(large));
    const again = download(it.storage, "d/large", it.target, { expected: { ...right, algorithm }, threads });
    await expect(again).rejects.toMatchObject({ code: "corrupt" });
    expect(await it.names()).toEqual(["target.db"]);
  });

  test("goes on after a broken connection, and the hash is of the whole", async () => {
    await using it = await stored(
      { method: "get", fault: { kind: "cut", after: 100_000 } },
      { method: "get", fault: { kind: "cut", after: 50_000 } },
    );
    let moved = 0;
    const onBytes = (count: number) => {
      moved += count;
    };
    await download(it.storage, "d/k", it.target, { expected, onBytes });
    expect((await readFile(it.target)).equals(bytes)).toBe(true);
    expect(moved).toBe(300_000);
    it.faulty.assertAllHit();
  });

  test.each([
    ["a wrong byte", expected, [{ method: "get", fault: { kind: "wrong-byte", at: 200_000 } }], expected.hash],
    ["a longer object", { ...expected, sizeBytes: 299_999 }, [], "299999"],
    ["a shorter object", { ...expected, sizeBytes: 300_001 }, [], "300001 bytes were expected and 300000 found"],
    ["another hash", { ...expected, hash: "0".repeat(64) }, [], "0".repeat(64)],
    ["another CRC", { hash: "1", algorithm: "CRC" }, [], "but 1 was expected"],
  ] as const)("%s is corrupt, and changes nothing", async (_, wanted, plans, mention) => {
    await using it = await stored(...plans);
    await writeFile(it.target, "former");
    const failing = download(it.storage, "d/k", it.target, { expected: wanted });
    await expect(failing).rejects.toMatchObject({ code: "corrupt", message: expect.stringContaining(mention) });
    await expect(failing).rejects.toThrow(/'d\/k'/);
    expect(await readFile(it.target, "utf8")).toBe("former");
    expect(await it.names()).toEqual(["target.db"]);
    it.faulty.assertAllHit();
  });

  test("until it is done, only a part file shows; an abort removes it", async () => {
    await using it = await stored();
    const clock = new ManualClock();
    const stop = new AbortController();
    const options = { expected, rateLimit: rateLimit(100_000, clock), signal: stop.signal };
    const cancelled = expect(download(it.storage, "d/k", it.target, options)).rejects.toMatchObject({
      code: "cancelled",
    });
    for (let waited = 0; clock.sleeping === 0; waited++) {
      expect(waited).toBeLessThan(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [name = "", ...others] = await it.names();
    expect(others).toEqual([]);
    expect(name.startsWith(".target.db.")).toBe(true);
    expect(name.endsWith(partSuffix)).toBe(true);
    stop.abort();
    await cancelled;
    expect(await it.names()).toEqual([]);
  });

  test("gives the file to its owner", async () => {
    await using it = await stored();
    const { uid, gid } = await stat(join(it.target, ".."));
    const owner = uid === 0 ? { uid: 12_345, gid: 23_456 } : { uid, gid };
    await download(it.storage, "d/k", it.target, { expected, owner });
    expect(await stat(it.target)).toMatchObject(owner);
  });

  test("fails for a missing object or directory, leaving nothing", async () => {
    await using it = await stored();
    await expect(download(it.storage, "no", it.target, { expected })).rejects.toMatchObject({ code: "not-found" });
    const nowhere = join(it.target, "below");
    await expect(download(it.storage, "d/k", nowhere, { expected })).rejects.toMatchObject({ code: "not-found" });
    const longest = join(it.target, "..", "x".repeat(255));
    await download(it.storage, "d/k", longest, { expected });
    expect(await it.names()).toEqual(["x".repeat(255)]);
  });
});
