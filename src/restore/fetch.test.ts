import { hash } from "node:crypto";
import { link } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../test/harness/file-tree.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { sampleKey } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { unlimited } from "../concurrency/concurrency.ts";
import { silentProgress } from "../progress.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { type FetchOptions, missingFiles, type WantedFile } from "./fetch.ts";

let directory: TemporaryDirectory;
const at = (path: string) => join(directory.path, path);

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

const content = "bloom filter";

function wanted(hashed: string | null, size: number | undefined = content.length): WantedFile {
  const entry = { objectKey: sampleKey(1), type: "FILE", size, hash: hashed } as const;
  return { entry, path: at("staged/nb-1-big-Filter.db"), candidate: at("live/nb-1-big-Filter.db") };
}

function options(verify: boolean): FetchOptions {
  const { repository } = new SampleNode(memoryStorage({ clock: new ManualClock() }));
  const { signal } = new AbortController();
  const decrypt = async () => {
    throw new Error("nothing is decrypted");
  };
  const common = { rateLimit: unlimited, progress: silentProgress, log: quietLog, connections: 2, signal };
  return { ...common, repository, decrypt, owner: undefined, verify };
}

describe("a live file of the same name and size", () => {
  it.each([
    ["without a hash in the manifest", null, true],
    ["with --hash-algorithm NONE", hash("sha256", content), false],
    ["without a hash in the manifest and with --hash-algorithm NONE", null, false],
  ] as const)("is downloaded %s, whatever its content", async (_, hashed, verify) => {
    for (const live of [content, "other filter"]) {
      await writeTree(directory.path, { "live/nb-1-big-Filter.db": live });
      const file = wanted(hashed);
      expect(await missingFiles([file], options(verify))).toEqual([file]);
      expect(await missingFiles([file], { ...options(verify), touchNothing: true })).toEqual([file]);
    }
    expect(Object.keys(await readTree(at("staged")))).toEqual([]);
  });

  it("is linked if its hash is that of the manifest, and only then", async () => {
    const file = wanted(hash("sha256", content));
    await writeTree(directory.path, { "live/nb-1-big-Filter.db": "other filter" });
    expect(await missingFiles([file], options(true))).toEqual([file]);
    await writeTree(directory.path, { "live/nb-1-big-Filter.db": content });
    expect(await missingFiles([file], options(true))).toEqual([]);
    expect(await readTree(at("staged"))).toEqual({ "nb-1-big-Filter.db": content });
  });
});

describe("a staged file", () => {
  it("of the right size is taken for an earlier download without a hash", async () => {
    await writeTree(directory.path, { "staged/nb-1-big-Filter.db": content });
    for (const verify of [true, false]) expect(await missingFiles([wanted(null)], options(verify))).toEqual([]);
    const { entry, path } = wanted(null);
    const unsized = { path, entry: { objectKey: entry.objectKey, type: "FILE", hash: null } } as const;
    expect(await missingFiles([unsized], options(true))).toEqual([unsized]);
  });

  it("that shares its bytes with a live file requires a hash: Cassandra may have written to it since", async () => {
    await writeTree(directory.path, { "live/nb-1-big-Filter.db": content, "staged/other": "" });
    await link(at("live/nb-1-big-Filter.db"), at("staged/nb-1-big-Filter.db"));
    const file = wanted(null);
    expect(await missingFiles([file], options(true))).toEqual([file]);
    expect(await missingFiles([wanted(hash("sha256", content))], options(false))).toHaveLength(1);
    expect(await missingFiles([wanted(hash("sha256", content))], options(true))).toEqual([]);
  });
});
