import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { collect, sampleBytes } from "../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { fileSource } from "./file-source.ts";

async function sampleFile(size: number) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "file");
  const bytes = sampleBytes(size);
  await writeFile(path, bytes);
  return { path, bytes, directory: directory.path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe("fileSource", () => {
  test.each([0, 1, 262_144, 600_000])("gives a file of %i bytes, as often as asked", async (size) => {
    await using file = await sampleFile(size);
    const source = await fileSource(file.path);
    expect(source.sizeBytes).toBe(size);
    expect((await collect(source.open())).equals(file.bytes)).toBe(true);
    expect((await collect(source.open())).equals(file.bytes)).toBe(true);
  });

  test("gives a range, as far as the file goes", async () => {
    await using file = await sampleFile(600_000);
    const source = await fileSource(file.path);
    for (const [start, end] of [
      [0, 1],
      [300_000, 599_999],
      [599_000, 700_000],
      [5, 5],
    ] as const) {
      expect((await collect(source.open({ start, end }))).equals(file.bytes.subarray(start, end))).toBe(true);
    }
  });

  test("uses one buffer for transient chunks, and fresh ones otherwise", async () => {
    await using file = await sampleFile(600_000);
    const source = await fileSource(file.path);
    const buffersOf = async (transient: boolean) => {
      const buffers = new Set<ArrayBufferLike>();
      for await (const chunk of source.open(undefined, { transient })) buffers.add(chunk.buffer);
      return buffers.size;
    };
    expect(await buffersOf(true)).toBe(1);
    expect(await buffersOf(false)).toBe(3);
  });

  test("fails with corrupt when the file is longer or shorter than announced, or becomes so", async () => {
    await using file = await sampleFile(600_000);
    for (const announced of [599_999, 600_001]) {
      const source = await fileSource(file.path, announced);
      await expect(collect(source.open())).rejects.toMatchObject({ code: "corrupt" });
    }
    const readWhile = async (change: () => Promise<void>) => {
      const source = await fileSource(file.path);
      let changed = false;
      for await (const _ of source.open()) {
        if (!changed) await change();
        changed = true;
      }
    };
    await expect(readWhile(() => appendFile(file.path, "more"))).rejects.toMatchObject({ code: "corrupt" });
    await expect(readWhile(() => truncate(file.path, 300_000))).rejects.toMatchObject({ code: "corrupt" });
  });

  test("fails for what is no file", async () => {
    await using file = await sampleFile(1);
    await expect(fileSource(join(file.directory, "no"))).rejects.toMatchObject({ code: "not-found" });
    await expect(fileSource(file.directory)).rejects.toMatchObject({ code: "io" });
    const source = await fileSource(join(file.directory, "no"), 5);
    await expect(collect(source.open())).rejects.toMatchObject({ code: "not-found" });
  });
});
