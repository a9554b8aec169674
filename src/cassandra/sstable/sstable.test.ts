import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleBytes } from "../../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { appearanceRank, isImmutable, parseComponentName, sstableDigest, withGeneration } from "./sstable.ts";

const uuidId = "3gy0_111j_2u8ka1z4k2vcw67ubc";

describe("names of components", () => {
  it.each([
    ["nb-1-big-Data.db", "nb-1-big", "nb", "1", "big", "Data.db"],
    ["me-123456-big-Index.db", "me-123456-big", "me", "123456", "big", "Index.db"],
    [`nb-${uuidId}-big-Digest.crc32`, `nb-${uuidId}-big`, "nb", uuidId, "big", "Digest.crc32"],
    ["oa-1-big-Statistics.db", "oa-1-big", "oa", "1", "big", "Statistics.db"],
    [`da-${uuidId}-bti-Partitions.db`, `da-${uuidId}-bti`, "da", uuidId, "bti", "Partitions.db"],
    ["nb-2-big-SAI+aa+GroupComplete.db", "nb-2-big", "nb", "2", "big", "SAI+aa+GroupComplete.db"],
    ["nb-2-big-SAI+aa+indexed_email+TermsData.db", "nb-2-big", "nb", "2", "big", "SAI+aa+indexed_email+TermsData.db"],
    ["nb-2-big-SI_by_city.db", "nb-2-big", "nb", "2", "big", "SI_by_city.db"],
    ["la-7-big-Digest.adler32", "la-7-big", "la", "7", "big", "Digest.adler32"],
    ["ks-t-jb-5-Data.db", "ks-t-jb-5", "jb", "5", "", "Data.db"],
    ["big-nb-ka-9-TOC.txt", "big-nb-ka-9", "ka", "9", "", "TOC.txt"],
    ["nb-1-nb-1-Data.db", "nb-1-nb-1", "nb", "1", "", "Data.db"],
  ])("%s", (file, baseName, version, generation, format, component) => {
    expect(parseComponentName(file)).toEqual({ baseName, version, generation, format, component });
    expect(`${baseName}-${component}`).toBe(file);
  });

  it.each([
    "",
    "manifest.json",
    "schema.cql",
    "nb-1-big",
    "nb-1-big-",
    "nb-1-big-data.db",
    "NB-1-big-Data.db",
    "nbx-1-big-Data.db",
    "nb--big-Data.db",
    "nb-1-big-../Data.db",
    "nb-1-big-Da/ta.db",
    "../nb-1-big-Data.db",
    "nb_txn_flush_0e7b8c40-e676-11f1-9a07-dbe54d2f2ac2.log",
    ".nb-1-big-Data.db",
    "nb-1-big-Data.db\n",
  ])("%j is none", (file) => {
    expect(parseComponentName(file)).toBeUndefined();
    expect(withGeneration(file, "9")).toBe(file);
  });

  it("another generation changes that alone, and only that", () => {
    expect(withGeneration("nb-1-big-Data.db", "1500000001")).toBe("nb-1500000001-big-Data.db");
    expect(withGeneration(`da-${uuidId}-bti-Rows.db`, "7")).toBe("da-7-bti-Rows.db");
    expect(withGeneration("nb-1-nb-1-Data.db", "7")).toBe("nb-1-nb-7-Data.db");
    const prefix = fc.option(fc.stringMatching(/^[a-z]{2,5}-\w{1,3}-$/), { nil: "" });
    const parts = fc.tuple(
      fc.constantFrom("nb", "oa", "jb"),
      fc.stringMatching(/^\w{1,6}$/),
      fc.stringMatching(/^\d{1,4}$/),
    );
    fc.assert(
      fc.property(prefix, parts, fc.constantFrom("-big", "-bti", ""), (prefix, [version, from, to], format) => {
        const file = `${prefix}${version}-${from}${format}-Data.db`;
        fc.pre(parseComponentName(file)?.generation === from);
        expect(withGeneration(file, to)).toBe(`${prefix}${version}-${to}${format}-Data.db`);
        expect(withGeneration(withGeneration(file, to), from)).toBe(file);
      }),
    );
  });
});

describe("components", () => {
  it.each([
    "Data.db",
    "Index.db",
    "Partitions.db",
    "Rows.db",
    "CompressionInfo.db",
    "CRC.db",
    "Digest.crc32",
    "Digest.sha1",
  ])("%s never changes", (component) => {
    expect(isImmutable(component)).toBe(true);
  });

  it.each([
    "Statistics.db",
    "Summary.db",
    "Filter.db",
    "TOC.txt",
    "SAI+aa+GroupMeta.db",
    "SI_by_city.db",
    "New.db",
    "",
  ])("%s may be rewritten in place", (component) => {
    expect(isImmutable(component)).toBe(false);
  });

  it("Data.db appears last", () => {
    const components = ["Data.db", "TOC.txt", "Index.db"].toSorted((a, b) => appearanceRank(a) - appearanceRank(b));
    expect(components.at(-1)).toBe("Data.db");
  });
});

describe("the digest of an SSTable", () => {
  /** Adler-32 as zlib puts it at the end of its streams. */
  const adler32 = (bytes: Uint8Array) =>
    String(deflateSync(bytes, { level: 0 }).readUInt32BE(deflateSync(bytes, { level: 0 }).length - 4));

  it.each([
    ["3872815340", "3872815340"],
    ["3872815340\n", "3872815340"],
    ["da39a3ee5e6b4b0d3255bfef95601890afd80709  ks-t-jb-5-Data.db", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ])("is what its file says: %j", async (text, digest) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "nb-1-big-Digest.crc32");
    await writeFile(path, text);
    expect(await sstableDigest(path, { path: "/nowhere", sizeBytes: 1 })).toBe(digest);
  });

  it.each(["", "../../x", "a/b 1"])(
    "is that of the data where its file says nothing that can name a key: %j",
    async (text) => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "d");
      const data = join(directory.path, "nb-1-big-Data.db");
      const bytes = sampleBytes(200_001);
      await writeFile(path, text);
      await writeFile(data, bytes);
      expect(await sstableDigest(path, { path: data, sizeBytes: bytes.length })).toBe(adler32(bytes));
    },
  );

  it("is that of the last 10 MiB where there is no such file", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "nb-1-big-Data.db");
    const bytes = Buffer.concat([sampleBytes(1000), Buffer.alloc(10 * 1024 * 1024, 0xff)]);
    await writeFile(path, bytes);
    const digest = await sstableDigest(undefined, { path, sizeBytes: bytes.length });
    expect(digest).toBe(adler32(bytes.subarray(1000)));
    await writeFile(path, "");
    expect(await sstableDigest(undefined, { path, sizeBytes: 0 })).toBe("1");
  });

  it("of missing files is `not-found`, and an abort is heard", async () => {
    await expect(sstableDigest("/nowhere/d", { path: "/nowhere/x", sizeBytes: 1 })).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(sstableDigest(undefined, { path: "/nowhere/x", sizeBytes: 1 })).rejects.toMatchObject({
      code: "not-found",
    });
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "x");
    await writeFile(path, "x");
    const call = sstableDigest(undefined, { path, sizeBytes: 1 }, AbortSignal.abort());
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
  });
});
