import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { fileStorage } from "./file.ts";

async function emptyBucket() {
  const directory = await temporaryDirectory();
  const storage = fileStorage({ root: directory.path, bucket: "b", clock: new ManualClock() });
  await storage.createBucket();
  const path = (key: string) => join(directory.path, "b", key);
  const keys = async () => (await toArray(storage.list(""))).map(({ key }) => key).sort();
  return { storage, path, keys, root: directory.path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

const hello = bytesSource(Buffer.from("hello"));

describe("layout", () => {
  test("an object is a plain file below root and bucket, and a closed store leaves nothing else", async () => {
    await using bucket = await emptyBucket();
    await bucket.storage.put("c/d/n/file.db", hello);
    await bucket.storage.put("topology/x", hello, { ifAbsent: true });
    expect(await readFile(bucket.path("c/d/n/file.db"), "utf8")).toBe("hello");
    await bucket.storage.close();
    expect((await readdir(bucket.path(""), { recursive: true })).sort()).toEqual(
      ["c", "c/d", "c/d/n", "c/d/n/file.db", "topology", "topology/x"].sort(),
    );
    expect((await stat(bucket.path("topology/x"))).nlink).toBe(1);
  });

  test("files that others wrote there are objects", async () => {
    await using bucket = await emptyBucket();
    await mkdir(bucket.path("c/d"), { recursive: true });
    await writeFile(bucket.path("c/d/manifest.json"), "{}");
    expect(await bucket.keys()).toEqual(["c/d/manifest.json"]);
    expect((await collect(await bucket.storage.get("c/d/manifest.json"))).toString()).toBe("{}");
    await bucket.storage.delete(["c/d/manifest.json"]);
    expect(await readdir(bucket.path(""))).toEqual([]);
  });

  test("deleting removes the directories it empties, and no others", async () => {
    await using bucket = await emptyBucket();
    await bucket.storage.put("a/b/c/x", hello);
    await bucket.storage.put("a/y", hello);
    await mkdir(bucket.path("a/empty"));
    await bucket.storage.delete(["a/b/c/x"]);
    expect((await readdir(bucket.path("a"))).sort()).toEqual(["empty", "y"]);
    await bucket.storage.delete(["a/y"]);
    await bucket.storage.close();
    expect(await readdir(bucket.path(""), { recursive: true })).toEqual(["a", "a/empty"]);
  });

  test.each(["", ".", "..", "a/b"])("'%s' is refused as a bucket, and a relative root too", (bucket) => {
    const clock = new ManualClock();
    expect(() => fileStorage({ root: "/tmp", bucket, clock })).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => fileStorage({ root: "x", bucket: "b", clock })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("what is no object", () => {
  test("links, directories, pipes, and whatever is behind a linked directory", async () => {
    await using bucket = await emptyBucket();
    const outside = join(bucket.root, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "secret");
    await bucket.storage.put("d/real", hello);
    await symlink(join(outside, "secret"), bucket.path("d/link"));
    await symlink(outside, bucket.path("d/linked"));
    await mkdir(bucket.path("d/directory"));
    execFileSync("mkfifo", [bucket.path("d/pipe")]);
    expect(await bucket.keys()).toEqual(["d/real"]);
    expect(await bucket.storage.children("d/")).toEqual([]);
    expect(await toArray(bucket.storage.list("d/linked/"))).toEqual([]);
    const odd = ["d/link", "d/linked", "d/linked/secret", "d/directory", "d/pipe"];
    for (const key of odd) {
      expect(await bucket.storage.stat(key)).toBeUndefined();
      await expect(bucket.storage.get(key)).rejects.toMatchObject({ code: "not-found" });
      await expect(bucket.storage.refresh(key)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await bucket.storage.delete(odd)).toEqual({ failed: [] });
    await expect(bucket.storage.put("d/linked/new", hello)).rejects.toMatchObject({ code: "unsupported" });
    expect(await readdir(outside)).toEqual(["secret"]);
    expect((await readdir(bucket.path("d"))).sort()).toEqual(["directory", "link", "linked", "pipe", "real"]);
  });

  test("a bucket that is itself a link to a directory is a bucket", async () => {
    await using bucket = await emptyBucket();
    await symlink(bucket.path(""), join(bucket.root, "linked"));
    const linked = fileStorage({ root: bucket.root, bucket: "linked", clock: new ManualClock() });
    await linked.put("a/k", hello);
    expect(await linked.bucketExists()).toBe(true);
    expect(await bucket.keys()).toEqual(["a/k"]);
  });

  test("a key that is another's folder, either way round, is refused before any byte is read", async () => {
    await using bucket = await emptyBucket();
    await bucket.storage.put("a/b", hello);
    for (const ifAbsent of [false, true]) {
      const source = bytesSource(sampleBytes(10));
      await expect(bucket.storage.put("a/b/c", source, { ifAbsent })).rejects.toMatchObject({ code: "unsupported" });
      expect(source.opened).toBe(0);
    }
    await expect(bucket.storage.put("a", hello)).rejects.toMatchObject({ code: "unsupported" });
    expect(await bucket.keys()).toEqual(["a/b"]);
  });

  test("the directory of objects in the making is out of reach", async () => {
    await using bucket = await emptyBucket();
    await mkdir(bucket.path(".esop-tmp"));
    await writeFile(bucket.path(".esop-tmp/x"), "half");
    expect(await bucket.keys()).toEqual([]);
    expect(await bucket.storage.children("")).toEqual([]);
    expect(await toArray(bucket.storage.list(".esop-tmp/"))).toEqual([]);
    expect(await toArray(bucket.storage.list(".esop"))).toEqual([]);
    for (const key of [".esop-tmp", ".esop-tmp/x"]) {
      await expect(bucket.storage.get(key)).rejects.toMatchObject({ code: "usage" });
      await expect(bucket.storage.put(key, hello)).rejects.toMatchObject({ code: "usage" });
      await expect(bucket.storage.delete([key])).rejects.toMatchObject({ code: "usage" });
    }
    await bucket.storage.put(".esop-tmp-not/x", hello);
    expect(await bucket.keys()).toEqual([".esop-tmp-not/x"]);
  });
});

describe("leftovers and failures", () => {
  test("the first put sweeps what was abandoned more than a day ago, and only that", async () => {
    await using bucket = await emptyBucket();
    await mkdir(bucket.path(".esop-tmp"));
    for (const [name, ageHours] of [
      ["old", 25],
      ["young", 23],
    ] as const) {
      await writeFile(bucket.path(`.esop-tmp/${name}`), "half");
      const then = new Date(Date.now() - ageHours * 3_600_000);
      await utimes(bucket.path(`.esop-tmp/${name}`), then, then);
    }
    await bucket.storage.put("k", hello);
    expect(await readdir(bucket.path(".esop-tmp"))).toEqual(["young"]);
  });

  test("a failed put leaves no temporary file", async () => {
    await using bucket = await emptyBucket();
    const lying = { ...hello, sizeBytes: 6 };
    await expect(bucket.storage.put("k", lying)).rejects.toMatchObject({ code: "corrupt" });
    await expect(bucket.storage.put("x".repeat(300), hello)).rejects.toMatchObject({ code: "io" });
    await bucket.storage.put("k", hello, { ifAbsent: true });
    await expect(bucket.storage.put("k", hello, { ifAbsent: true })).rejects.toMatchObject({ code: "already-exists" });
    expect(await readdir(bucket.path(".esop-tmp"))).toEqual([]);
    expect(await bucket.storage.stat("x".repeat(300))).toBeUndefined();
  });

  test("a full disk is no-space", async () => {
    await using bucket = await emptyBucket();
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const source = {
      sizeBytes: 1,
      open: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(full) }) }),
    };
    await expect(bucket.storage.put("k", source)).rejects.toMatchObject({ code: "no-space", cause: full });
  });

  test("an object cut short while it is read is corrupt", async () => {
    await using bucket = await emptyBucket();
    await bucket.storage.put("k", bytesSource(sampleBytes(600_000)));
    const run = async () => {
      for await (const _ of await bucket.storage.get("k")) await writeFile(bucket.path("k"), "short");
    };
    await expect(run()).rejects.toMatchObject({ code: "corrupt" });
  });

  test("no file stays open", async () => {
    await using bucket = await emptyBucket();
    await bucket.storage.put("k", bytesSource(sampleBytes(600_000)));
    const stop = new AbortController();
    for await (const _ of await bucket.storage.get("k")) break;
    await collect(await bucket.storage.get("k"));
    const midway = (await bucket.storage.get("k", { signal: stop.signal }))[Symbol.asyncIterator]();
    await midway.next();
    await bucket.storage.get("k", { signal: stop.signal });
    expect(await openFilesBelow(bucket.root)).toHaveLength(2);
    stop.abort();
    await bucket.storage.put("k", { ...hello, sizeBytes: 6 }).catch(() => undefined);
    await expect(midway.next()).rejects.toMatchObject({ code: "cancelled" });
    expect(await openFilesBelow(bucket.root)).toEqual([]);
  });
});

async function openFilesBelow(path: string): Promise<string[]> {
  const links = (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""));
  return (await Promise.all(links)).filter((target) => target.startsWith(path));
}
