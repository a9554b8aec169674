import { describe, expect, test } from "vitest";
import { isAppError } from "../../src/errors.ts";
import type { ByteStream, RewindableSource, Storage } from "../../src/storage/storage.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";

/** What a driver brings to the suite: an empty bucket of its own for each test. */
export interface StorageFixture extends AsyncDisposable {
  readonly storage: Storage;
  /** The same bucket seen by another process, or as near to one as it gets. */
  readonly other: Storage;
  /** A bucket that does not exist, and may be created. */
  readonly missing: Storage;
  /** Makes the store's clock move on by a second or more. */
  passTime(): Promise<void>;
}

export type MakeStorage = () => Promise<StorageFixture>;

/** Large enough to come in several chunks, and no multiple of anything. */
const largeBytes = 1_000_003;

const oddKeys = [
  "c/dc 1/n/a b",
  "plus+and%20percent%",
  "ünï/cödé/日本語/🜁",
  "cafe\u0301 and caf\u00e9",
  "quote'\"&<>;#?=*[]{}|^~`$!@,:()",
  "back\\slash",
  ".hidden/.file",
  "...",
  "-dash",
  `${"long".repeat(60)}/x`,
];

const badKeys = ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "./a", "a/..", "nul\0", "lone\ud800"];

/** One suite for every driver, and for every wrapper around one: the guarantees of storage.ts, each with its proof. */
export function describeStorageContract(name: string, make: MakeStorage): void {
  describe(`storage contract: ${name}`, () => {
    describePutAndGet(make);
    describeFailedPuts(make);
    describeIfAbsent(make);
    describeRanges(make);
    describeListing(make);
    describeDeletion(make);
    describeRefresh(make);
    describeKeys(make);
    describeBucket(make);
    describeAbort(make);
  });
}

const text = (content: string) => bytesSource(Buffer.from(content));

async function read(storage: Storage, key: string, range?: { start: number; end: number }): Promise<Buffer> {
  return collect(await storage.get(key, range === undefined ? {} : { range }));
}

async function keysOf(storage: Storage, prefix = ""): Promise<string[]> {
  return (await toArray(storage.list(prefix))).map(({ key }) => key).sort();
}

/** As long as it says, until it fails or comes to hang after some bytes; `reached` resolves at that point. */
function stoppingSource(sizeBytes: number, stopAfter: number, stop: () => Promise<never>) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  async function* open(): ByteStream & AsyncGenerator<Uint8Array, void> {
    yield sampleBytes(stopAfter);
    resolve();
    await stop();
  }
  const source: RewindableSource = { sizeBytes, open };
  return { source, reached };
}

function describePutAndGet(make: MakeStorage): void {
  test.each([0, 1, 4096, largeBytes])("an object of %i bytes comes back as it was put", async (size) => {
    await using fixture = await make();
    const bytes = sampleBytes(size);
    const put = await fixture.storage.put("c/d/n/object", bytesSource(bytes));
    expect(put).toMatchObject({ key: "c/d/n/object", sizeBytes: size });
    expect((await read(fixture.storage, "c/d/n/object")).equals(bytes)).toBe(true);
    expect(await fixture.other.stat("c/d/n/object")).toEqual(put);
    expect(await toArray(fixture.other.list(""))).toEqual([put]);
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

function describeFailedPuts(make: MakeStorage): void {
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

function describeIfAbsent(make: MakeStorage): void {
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

function describeRanges(make: MakeStorage): void {
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

function describeListing(make: MakeStorage): void {
  const keys = ["a", "ab", "abc/x", "b/x", "b/xy", "b/x-/1", "b/y/1", "b/y/2", "b/y/z/1", "c/only/deep/er"];

  test.each([
    ["", keys],
    ["a", ["a", "ab", "abc/x"]],
    ["a/", []],
    ["ab", ["ab", "abc/x"]],
    ["b", ["b/x", "b/xy", "b/x-/1", "b/y/1", "b/y/2", "b/y/z/1"]],
    ["b/x", ["b/x", "b/xy", "b/x-/1"]],
    ["b/y/", ["b/y/1", "b/y/2", "b/y/z/1"]],
    ["b/y/z/1", ["b/y/z/1"]],
    ["b/y/z/1/", []],
    ["c/only/d", ["c/only/deep/er"]],
    ["nothing/here", []],
    ["/", []],
    ["b//", []],
    ["../", []],
    ["b/../a", []],
  ])("list of '%s'", async (prefix, expected) => {
    await using fixture = await make();
    await Promise.all(keys.map((key) => fixture.storage.put(key, text(key))));
    expect(await keysOf(fixture.storage, prefix)).toEqual([...expected].sort());
    for (const info of await toArray(fixture.storage.list(prefix))) {
      expect(info).toEqual(await fixture.other.stat(info.key));
    }
  });

  test.each([
    ["", ["abc", "b", "c"]],
    ["b/", ["x-", "y"]],
    ["b/y/", ["z"]],
    ["c/", ["only"]],
    ["c/only/", ["deep"]],
    ["c/only/deep/", []],
    ["nothing/", []],
    ["a/", []],
  ])("children of '%s'", async (prefix, expected) => {
    await using fixture = await make();
    await Promise.all(keys.map((key) => fixture.storage.put(key, text(key))));
    expect([...(await fixture.storage.children(prefix))].sort()).toEqual(expected);
  });

  test("children are asked for by folder", async () => {
    await using fixture = await make();
    for (const prefix of ["b", "/", "b//", "../", "./"]) {
      await expect(fixture.storage.children(prefix)).rejects.toMatchObject({ code: "usage" });
    }
  });

  test("a list that is left midway does no harm, and an empty bucket lists nothing", async () => {
    await using fixture = await make();
    expect(await keysOf(fixture.storage)).toEqual([]);
    expect(await fixture.storage.children("")).toEqual([]);
    await Promise.all(keys.map((key) => fixture.storage.put(key, text(key))));
    for await (const _ of fixture.storage.list("")) break;
    expect(await keysOf(fixture.storage)).toHaveLength(keys.length);
  });
}

function describeDeletion(make: MakeStorage): void {
  test("deletes many, some of them missing, and nothing else", async () => {
    await using fixture = await make();
    const keys = Array.from({ length: 40 }, (_, i) => `d/${i % 4}/k${i}`);
    await Promise.all([...keys, "d/stays", "e"].map((key) => fixture.storage.put(key, text(key))));
    const missing = ["nope", "d/0/nope", "e/below", "d", "d/0", "x/y/z"];
    expect(await fixture.storage.delete([...keys, ...missing, keys[0] ?? ""])).toEqual({ failed: [] });
    expect(await keysOf(fixture.other)).toEqual(["d/stays", "e"]);
    expect(await fixture.storage.children("d/")).toEqual([]);
    expect(await fixture.storage.delete([])).toEqual({ failed: [] });
  });

  test("a bad key refuses the whole call", async () => {
    await using fixture = await make();
    await fixture.storage.put("k", text("x"));
    await expect(fixture.storage.delete(["k", "../k"])).rejects.toMatchObject({ code: "usage" });
    expect(await keysOf(fixture.storage)).toEqual(["k"]);
  });

  test("puts and deletes in the same folders lose nothing", async () => {
    await using fixture = await make();
    const churn = async (storage: Storage, worker: number) => {
      for (let i = 0; i < 15; i++) {
        const key = `f/g/h/${worker}-${i}`;
        await storage.put(key, text(key));
        await storage.delete([key]);
      }
      await storage.put(`f/g/h/${worker}`, text("last"));
    };
    await Promise.all([0, 1, 2, 3].map((worker) => churn(worker % 2 === 0 ? fixture.storage : fixture.other, worker)));
    expect(await keysOf(fixture.storage)).toEqual(["f/g/h/0", "f/g/h/1", "f/g/h/2", "f/g/h/3"]);
  });
}

function describeRefresh(make: MakeStorage): void {
  test("renews the date and nothing else", async () => {
    await using fixture = await make();
    const before = await fixture.storage.put("d/k", text("content"));
    const beside = await fixture.storage.put("d/other", text("content"));
    await fixture.passTime();
    await fixture.storage.refresh("d/k");
    const after = await fixture.other.stat("d/k");
    expect(after?.modifiedMs).toBeGreaterThanOrEqual(before.modifiedMs + 1000);
    expect((await read(fixture.storage, "d/k")).toString()).toBe("content");
    expect(await fixture.storage.stat("d/other")).toEqual(beside);
  });

  test("of what is not there is not-found, and makes nothing", async () => {
    await using fixture = await make();
    await fixture.storage.put("a/b", text("x"));
    for (const key of ["nope", "a", "a/b/c"]) {
      await expect(fixture.storage.refresh(key)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await keysOf(fixture.storage)).toEqual(["a/b"]);
  });
}

function describeKeys(make: MakeStorage): void {
  test.each(oddKeys)("the key '%s' is kept to the letter", async (key) => {
    await using fixture = await make();
    await fixture.storage.put(key, text(key));
    expect(await keysOf(fixture.other)).toEqual([key]);
    expect((await read(fixture.other, key)).toString()).toBe(key);
    expect(await fixture.storage.stat(key)).toMatchObject({ key });
    const slash = key.indexOf("/");
    expect(await fixture.storage.children("")).toEqual(slash < 0 ? [] : [key.slice(0, slash)]);
    await fixture.storage.delete([key]);
    expect(await keysOf(fixture.storage)).toEqual([]);
  });

  test.each(badKeys)("'%s' is refused as a key", async (key) => {
    await using fixture = await make();
    const refused = { code: "usage" };
    await expect(fixture.storage.put(key, text("x"))).rejects.toMatchObject(refused);
    await expect(fixture.storage.get(key)).rejects.toMatchObject(refused);
    await expect(fixture.storage.stat(key)).rejects.toMatchObject(refused);
    await expect(fixture.storage.refresh(key)).rejects.toMatchObject(refused);
    await expect(fixture.storage.delete([key])).rejects.toMatchObject(refused);
    expect(await keysOf(fixture.storage)).toEqual([]);
  });
}

function describeBucket(make: MakeStorage): void {
  test("a missing bucket is told apart from an empty one, and can be created, twice", async () => {
    await using fixture = await make();
    const { missing } = fixture;
    const notFound = { code: "not-found" };
    expect(await missing.bucketExists()).toBe(false);
    expect(await missing.stat("a/k")).toBeUndefined();
    expect(await missing.delete(["a/k"])).toEqual({ failed: [] });
    await expect(missing.put("a/k", text("x"))).rejects.toMatchObject(notFound);
    await expect(missing.get("a/k")).rejects.toMatchObject(notFound);
    await expect(toArray(missing.list(""))).rejects.toMatchObject(notFound);
    await expect(toArray(missing.list("a/"))).rejects.toMatchObject(notFound);
    await expect(missing.children("a/")).rejects.toMatchObject(notFound);
    expect(await missing.bucketExists()).toBe(false);
    await missing.createBucket();
    await missing.put("a/k", text("x"));
    await missing.createBucket();
    expect(await missing.bucketExists()).toBe(true);
    expect(await keysOf(missing)).toEqual(["a/k"]);
    expect(await fixture.storage.bucketExists()).toBe(true);
    expect(await keysOf(fixture.storage)).toEqual([]);
  });
}

function describeAbort(make: MakeStorage): void {
  test("a put whose source hangs ends with the abort and leaves the former state", async () => {
    await using fixture = await make();
    await fixture.storage.put("d/k", text("former"));
    for (const key of ["d/k", "d/new", "e/new"]) {
      const stop = new AbortController();
      const { source, reached } = stoppingSource(2000, 1000, () => new Promise<never>(() => undefined));
      const put = fixture.storage.put(key, source, { signal: stop.signal });
      const aborted = expect(put).rejects.toMatchObject({ code: "cancelled" });
      await reached;
      stop.abort();
      await aborted;
    }
    expect(await keysOf(fixture.other)).toEqual(["d/k"]);
    expect((await read(fixture.storage, "d/k")).toString()).toBe("former");
  });

  test("a get that is aborted midway ends with the abort", async () => {
    await using fixture = await make();
    await fixture.storage.put("k", bytesSource(sampleBytes(largeBytes)));
    const stop = new AbortController();
    const run = async () => {
      for await (const _ of await fixture.storage.get("k", { signal: stop.signal })) stop.abort();
    };
    await expect(run()).rejects.toMatchObject({ code: "cancelled" });
  });

  test("no call begins with an aborted signal", async () => {
    await using fixture = await make();
    const { storage } = fixture;
    await storage.put("k", text("x"));
    const options = { signal: AbortSignal.abort() };
    const cancelled = { code: "cancelled" };
    await expect(storage.put("k2", text("y"), options)).rejects.toMatchObject(cancelled);
    await expect(storage.get("k", options)).rejects.toMatchObject(cancelled);
    await expect(storage.stat("k", options)).rejects.toMatchObject(cancelled);
    await expect(toArray(storage.list("", options))).rejects.toMatchObject(cancelled);
    await expect(storage.children("", options)).rejects.toMatchObject(cancelled);
    await expect(storage.refresh("k", options)).rejects.toMatchObject(cancelled);
    await expect(storage.delete(["k"], options)).rejects.toMatchObject(cancelled);
    await expect(storage.bucketExists(options)).rejects.toMatchObject(cancelled);
    await expect(storage.createBucket(options)).rejects.toMatchObject(cancelled);
    expect(await keysOf(storage)).toEqual(["k"]);
  });
}
