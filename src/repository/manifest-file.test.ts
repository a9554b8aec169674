import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { toArray } from "../../test/harness/sample-bytes.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { bytesSource } from "../transfer/transfer.ts";
import { type Manifest, type ManifestEntry, manifestEntries, parseManifest } from "./manifest.ts";
import { type ManifestLimits, manifestSource, readManifestFile } from "./manifest-file.ts";

/** Two SSTables as the real Esop described them. */
const esopText = readFileSync(new URL("../../test/fixtures/esop/manifest.json", import.meta.url), "utf8");
const name = sampleName("b", 1000);
const entries = Array.from({ length: 5000 }, (_, number): ManifestEntry => {
  return { objectKey: sampleKey(number), type: "FILE", size: number, hash: "é".repeat(3), kmsKeyId: undefined };
});
const manifest: Manifest = sampleManifest(name, entries);
const text = `\n${JSON.stringify(manifest)}`;
const streamed: ManifestLimits = { fileBytes: 10_000_000, textBytes: 500 };

async function written(limits?: ManifestLimits): Promise<string> {
  const source = manifestSource(manifest, limits);
  const bytes = Buffer.concat(await toArray(source.open()));
  expect(source.sizeBytes).toBe(bytes.length);
  expect(Buffer.concat(await toArray(source.open()))).toEqual(bytes);
  return bytes.toString();
}

async function read(content: string, limits: ManifestLimits = streamed, keep?: (entry: ManifestEntry) => boolean) {
  const storage = memoryStorage({ clock: new ManualClock() });
  await storage.put("m", bytesSource(Buffer.from(content)));
  return readManifestFile(storage, "m", "n", { limits, keep });
}

const keysOf = (found: Manifest | undefined) => (found === undefined ? [] : [...manifestEntries(found)]);

describe("a manifest that is written", () => {
  it("has the same bytes at once and as a stream", async () => {
    expect(await written()).toBe(text);
    expect(await written(streamed)).toBe(text);
  });

  it("is refused beyond the bound", () => {
    expect(() => manifestSource(manifest, { fileBytes: 100_000, textBytes: 500 })).toThrow("larger than 100000 bytes");
  });
});

describe("a manifest that is read as a stream", () => {
  it("is the same as one that is read at once", async () => {
    expect(await read(text)).toEqual({ manifest: parseManifest(text, "n"), text: undefined, ours: true });
    expect(await read(esopText)).toEqual({ manifest: parseManifest(esopText, "n"), text: undefined, ours: false });
    expect(await read(text, { fileBytes: text.length * 2, textBytes: text.length * 2 })).toEqual({
      manifest: parseManifest(text, "n"),
      text,
      ours: true,
    });
  });

  it("keeps the entries of interest alone", async () => {
    const stored = await read(text, streamed, ({ size }) => size === 7);
    expect(keysOf(stored?.manifest).map(({ objectKey }) => objectKey)).toEqual([sampleKey(7)]);
    expect(stored?.manifest.tokens).toEqual(manifest.tokens);
  });

  it.each([
    ["that ends too early", text.slice(0, -10), "manifest 'n' is not JSON"],
    ["with a size below zero", text.replace('"size":4000', '"size":-1'), "manifest 'n' gives -1 as the size of data/"],
    ["with a foreign key", text.replace("nb-7-big-Data.db", "../x"), "manifest 'n' names an object"],
    ["without tokens", text.replace('"tokens"', '"token"'), "manifest 'n' has no tokens"],
    ["beyond the bound", text.padEnd(streamed.fileBytes + 1), "manifest 'n' is larger than 10000000 bytes"],
  ])("%s is refused, whichever entries are of interest", async (_what, content, message) => {
    for (const keep of [undefined, () => false]) {
      const error = { code: "corrupt", message: expect.stringContaining(message) };
      await expect(read(content, streamed, keep)).rejects.toMatchObject(error);
    }
  });

  it("is no manifest where there is no object", async () => {
    expect(await readManifestFile(memoryStorage({ clock: new ManualClock() }), "m", "n")).toBeUndefined();
  });
});
