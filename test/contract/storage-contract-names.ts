import { expect, test } from "vitest";
import type { Storage } from "../../src/storage/storage.ts";
import { bytesSource, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import {
  keysOf,
  largeBytes,
  type MakeStorage,
  read,
  type StorageFixture,
  stoppingSource,
  text,
} from "./storage-fixture.ts";

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

export function describeListing(make: MakeStorage): void {
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

export function describeDeletion(make: MakeStorage): void {
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

export function describeRefresh(make: MakeStorage): void {
  test("renews the date and nothing else", async () => {
    await using fixture = await make();
    await fixture.storage.put("d/k", text("content"));
    await fixture.storage.put("d/other", text("content"));
    const before = await fixture.storage.stat("d/k");
    const beside = await fixture.storage.stat("d/other");
    await fixture.passTime();
    await fixture.storage.refresh("d/k");
    const after = await fixture.other.stat("d/k");
    expect(after?.modifiedMs).toBeGreaterThanOrEqual((before?.modifiedMs ?? Number.NaN) + 1000);
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

export function describeKeys(make: MakeStorage): void {
  test.each(oddKeys)("the key '%s' is kept to the letter", async (key) => {
    await using fixture = await make();
    if (fixture.unfitKeys?.includes(key) === true) {
      await expectRefused(fixture, key);
      return;
    }
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
    await expectRefused(fixture, key);
  });
}

async function expectRefused({ storage }: StorageFixture, key: string): Promise<void> {
  const refused = { code: "usage" };
  await expect(storage.put(key, text("x"))).rejects.toMatchObject(refused);
  await expect(storage.get(key)).rejects.toMatchObject(refused);
  await expect(storage.stat(key)).rejects.toMatchObject(refused);
  await expect(storage.refresh(key)).rejects.toMatchObject(refused);
  await expect(storage.delete([key])).rejects.toMatchObject(refused);
  expect(await keysOf(storage)).toEqual([]);
}

export function describeBucket(make: MakeStorage): void {
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

export function describeAbort(make: MakeStorage): void {
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
