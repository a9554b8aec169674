import { expect, test } from "vitest";
import { isAppError } from "../../src/errors.ts";
import { bytesSource, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { keysOf, largeBytes, type MakeStorage, read, stoppingSource, text } from "./storage-fixture.ts";

export function describePutAndGet(make: MakeStorage): void {
  test.each([0, 1, 4096, largeBytes])("an object of %i bytes comes back as it was put", async (size) => {
    await using fixture = await make();
    const bytes = sampleBytes(size);
    const put = await fixture.storage.put("c/d/n/object", bytesSource(bytes));
    expect(put).toMatchObject({ key: "c/d/n/object", sizeBytes: size });
    expect((await read(fixture.storage, "c/d/n/object")).equals(bytes)).toBe(true);
    const stat = await fixture.other.stat("c/d/n/object");
    expect(stat).toEqual({ ...put, modifiedMs: expect.any(Number) });
    expect(await toArray(fixture.other.list(""))).toEqual([stat]);
  });

  test("a stream read for transient chunks gives the same bytes", async () => {
    await using fixture = await make();
    const bytes = sampleBytes(largeBytes);
    await fixture.storage.put("k", bytesSource(bytes));
    const copies: Buffer[] = [];
    for await (const chunk of await fixture.storage.get("k", { transient: true })) copies.push(Buffer.from(chunk));
    expect(Buffer.concat(copies).equals(bytes)).toBe(true);
  });

  test("chunks that are kept stay as they were", async () => {
    await using fixture = await make();
    const bytes = sampleBytes(largeBytes);
    await fixture.storage.put("k", bytesSource(bytes));
    expect((await read(fixture.storage, "k")).equals(bytes)).toBe(true);
  });

  test("a put replaces the whole object, longer by shorter", async () => {
    await using fixture = await make();
    await fixture.storage.put("k", bytesSource(sampleBytes(5000)));
    await fixture.storage.put("k", text("short"));
    expect((await read(fixture.storage, "k")).toString()).toBe("short");
    expect(await fixture.storage.stat("k")).toMatchObject({ sizeBytes: 5 });
  });

  test("of concurrent puts to one key, one is there whole", async () => {
    await using fixture = await make();
    const contents = Array.from({ length: 8 }, (_, i) => sampleBytes(100_000 + i, i));
    const stores = [fixture.storage, fixture.other];
    await Promise.all(contents.map((bytes, i) => stores[i % 2]?.put("d/k", bytesSource(bytes))));
    const found = await read(fixture.storage, "d/k");
    expect(contents.filter((bytes) => bytes.equals(found))).toHaveLength(1);
    expect(await keysOf(fixture.storage)).toEqual(["d/k"]);
  });

  test("many concurrent puts into new folders all arrive", async () => {
    await using fixture = await make();
    const keys = Array.from({ length: 60 }, (_, i) => `a/${i % 3}/b/${i % 5}/k${String(i).padStart(2, "0")}`);
    await Promise.all(keys.map((key) => fixture.storage.put(key, text(key))));
    expect(await keysOf(fixture.other)).toEqual([...keys].sort());
  });

  test("what is not there: stat says nothing, get is not-found", async () => {
    await using fixture = await make();
    await fixture.storage.put("a/b", text("x"));
    for (const key of ["nope", "a", "a/c", "a/b/c", "x/y/z", "a/bb"]) {
      expect(await fixture.storage.stat(key)).toBeUndefined();
      await expect(fixture.storage.get(key)).rejects.toMatchObject({ code: "not-found" });
    }
  });

  test("an object being read stays readable when it is replaced or deleted, or fails cleanly", async () => {
    await using fixture = await make();
    const bytes = sampleBytes(largeBytes);
    await fixture.storage.put("k", bytesSource(bytes));
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of await fixture.storage.get("k")) {
        if (chunks.length === 0) await fixture.other.put("k", bytesSource(sampleBytes(largeBytes, 2)));
        chunks.push(chunk);
      }
    } catch (error) {
      expect(isAppError(error)).toBe(true);
      return;
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });
}

export function describeFailedPuts(make: MakeStorage): void {
  test.each([
    ["longer", 99_999],
    ["shorter", 100_001],
  ])("a source %s than announced is corrupt and changes nothing", async (_, announced) => {
    await using fixture = await make();
    await fixture.storage.put("old", text("former"));
    const lying = { ...bytesSource(sampleBytes(100_000)), sizeBytes: announced };
    await expect(fixture.storage.put("new", lying)).rejects.toMatchObject({ code: "corrupt" });
    await expect(fixture.storage.put("old", lying)).rejects.toMatchObject({ code: "corrupt" });
    expect(await keysOf(fixture.storage)).toEqual(["old"]);
    expect((await read(fixture.storage, "old")).toString()).toBe("former");
  });

  test("a source that fails midway leaves the former state, and fails the put with an error of ours", async () => {
    await using fixture = await make();
    await fixture.storage.put("d/old", text("former"));
    const fail = () => Promise.reject(new Error("the disk is on fire"));
    for (const key of ["d/new", "d/old", "e/f/new"]) {
      const error: unknown = await fixture.storage.put(key, stoppingSource(2000, 1000, fail).source).catch((e) => e);
      expect(isAppError(error)).toBe(true);
    }
    expect(await keysOf(fixture.storage)).toEqual(["d/old"]);
    expect((await read(fixture.storage, "d/old")).toString()).toBe("former");
  });

  test("while a put is under way its key shows the former state, everywhere", async () => {
    await using fixture = await make();
    const { promise: gate, reject } = Promise.withResolvers<never>();
    const { source, reached } = stoppingSource(300_000, 299_999, () => gate);
    const put = fixture.storage.put("d/k", source);
    const failed = expect(put).rejects.toMatchObject({});
    await reached;
    expect(await fixture.other.stat("d/k")).toBeUndefined();
    expect(await keysOf(fixture.other)).toEqual([]);
    expect(await fixture.other.children("")).toEqual([]);
    reject(new Error("stopped"));
    await failed;
    expect(await keysOf(fixture.other)).toEqual([]);
  });
}

export function describeIfAbsent(make: MakeStorage): void {
  test("a put if absent does not replace", async () => {
    await using fixture = await make();
    if (!fixture.storage.capabilities.putIfAbsent) return;
    await fixture.storage.put("locks/k", text("first"), { ifAbsent: true });
    const second = fixture.other.put("locks/k", text("second"), { ifAbsent: true });
    await expect(second).rejects.toMatchObject({ code: "already-exists" });
    expect((await read(fixture.storage, "locks/k")).toString()).toBe("first");
    await fixture.storage.delete(["locks/k"]);
    await fixture.other.put("locks/k", text("third"), { ifAbsent: true });
    expect(await keysOf(fixture.storage)).toEqual(["locks/k"]);
  });

  test("of concurrent puts if absent exactly one wins", async () => {
    await using fixture = await make();
    if (!fixture.storage.capabilities.putIfAbsent) return;
    for (let round = 0; round < 5; round++) {
      const key = `locks/${round}`;
      const contents = Array.from({ length: 12 }, (_, i) => `contender ${i}`);
      const stores = [fixture.storage, fixture.other];
      const results = await Promise.allSettled(
        contents.map((content, i) => stores[i % 2]?.put(key, text(content), { ifAbsent: true })),
      );
      const winners = contents.filter((_, i) => results[i]?.status === "fulfilled");
      expect(winners).toHaveLength(1);
      expect((await read(fixture.storage, key)).toString()).toBe(winners[0]);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "already-exists" });
      }
    }
  });
}

export function describeRanges(make: MakeStorage): void {
  const size = 600_000;
  test.each([
    [0, 1],
    [0, size],
    [1, size - 1],
    [262_143, 262_145],
    [size - 1, size],
    [size - 10, size + 10],
    [5, 5],
    [size, size + 1],
    [size + 5, size + 9],
  ])("the range %i to %i gives the bytes there are", async (start, end) => {
    await using fixture = await make();
    const bytes = sampleBytes(size);
    await fixture.storage.put("k", bytesSource(bytes));
    expect((await read(fixture.storage, "k", { start, end })).equals(bytes.subarray(start, end))).toBe(true);
  });

  test("a range that cannot be is refused", async () => {
    await using fixture = await make();
    await fixture.storage.put("k", text("0123"));
    for (const range of [
      { start: -1, end: 2 },
      { start: 3, end: 2 },
      { start: 0.5, end: 2 },
      { start: 0, end: Infinity },
    ]) {
      await expect(fixture.storage.get("k", { range })).rejects.toMatchObject({ code: "usage" });
    }
  });

  test("a stream that is left midway, or never begun, does no harm", async () => {
    await using fixture = await make();
    await fixture.storage.put("k", bytesSource(sampleBytes(size)));
    for await (const _ of await fixture.storage.get("k")) break;
    const stop = new AbortController();
    await fixture.storage.get("k", { signal: stop.signal });
    stop.abort();
    expect(await read(fixture.storage, "k")).toHaveLength(size);
  });
}
