/** Encrypted objects: what goes in comes out, byte for byte or not at all. */
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../test/fixtures/encryption/vectors.json" with { type: "json" };
import { memoryKms } from "../../test/harness/memory-kms.ts";
import {
  bytesSource,
  collect,
  restlessSource,
  sampleBytes,
  transientChunks,
  transientSource,
} from "../../test/harness/sample-bytes.ts";
import type { ByteRange, ReadOptions, RewindableSource } from "../storage/storage.ts";
import { decrypted } from "./format/decrypt.ts";
import { aesEncryptor } from "./format/encrypt.ts";
import { plainBytes } from "./format/key-tags.ts";
import { type DataKey, headerBytes, segmentBytes, storedBytesOf, tagBytes } from "./format/object-format.ts";
import { kmsEncryptor } from "./kms/encryptor.ts";

const objectKey = "data/ks/t-0978d800e67611f19a07dbe54d2f2ac2/1-42-aes1a2b3c4d/nb-1-big-Data.db";
const dataKey: DataKey = { id: "1a2b3c4d", key: sampleBytes(32, 5) };
const storedSegment = segmentBytes + tagBytes;

async function encrypt(plain: RewindableSource, key = objectKey, under = dataKey): Promise<RewindableSource> {
  return (await aesEncryptor(under, randomBytes).encrypt(plain, key)).source;
}

const encryptBytes = async (plain: Uint8Array, key = objectKey, under = dataKey) =>
  collect((await encrypt(bytesSource(plain), key, under)).open());

const open = (stored: Uint8Array, key = objectKey, under = dataKey, chunkBytes?: number) =>
  collect(decrypted(transientChunks(stored, chunkBytes), key, under));

/** As one reads who is done with each chunk before the next. */
async function collectTransient(source: RewindableSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.open(undefined, { transient: true })) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Sizes at which something happens, and sizes in between. */
const sizes = fc.oneof(
  fc.constantFrom(0, 1, segmentBytes - 1, segmentBytes, segmentBytes + 1, 2 * segmentBytes, 2 * segmentBytes + 1),
  fc.nat({ max: 3 * segmentBytes }),
);
const chunks = fc.constantFrom(1 << 20, segmentBytes, storedSegment, 65_536, 10_007, 4099);
const few = { numRuns: 60 };

describe("an encrypted object", () => {
  it("is decrypted to what it was, of any size, in any chunks, and has the promised size", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, chunks, chunks, async (size, chunkIn, chunkOut) => {
        const plain = sampleBytes(size, size + 1);
        const source = await encrypt(transientSource(plain, chunkIn));
        const stored = await collect(source.open());
        expect(stored.length).toBe(source.sizeBytes);
        expect((await collectTransient(source)).equals(stored)).toBe(true);
        expect(source.sizeBytes).toBe(storedBytesOf(size));
        expect(plainBytes("aes1a2b3c4d", stored.length)).toBe(size);
        expect((await open(stored, objectKey, dataKey, chunkOut)).equals(plain)).toBe(true);
      }),
      few,
    );
  });

  it("comes out the same by ranges, in any order, as at once", async () => {
    const ranges = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sizes, ranges, async (size, cuts) => {
        const source = await encrypt(transientSource(sampleBytes(size)));
        const whole = await collect(source.open());
        for (const [a, b] of cuts) {
          const [start = 0, end = 0] = [a, b].map((x) => Math.round((x / 900) * whole.length)).sort((x, y) => x - y);
          const part = await collect(source.open({ start, end }));
          expect(part.equals(whole.subarray(start, end))).toBe(true);
        }
      }),
      few,
    );
  });

  it("costs no bandwidth where it is only looked at", async () => {
    const readings: unknown[] = [];
    const plain = bytesSource(sampleBytes(100));
    const open = (range?: ByteRange, reading?: ReadOptions) => {
      readings.push(reading?.onlyLooking);
      return plain.open(range);
    };
    const kms = kmsEncryptor({ keyId: "k", kms: memoryKms(), random: randomBytes });
    for (const encryptor of [aesEncryptor(dataKey, randomBytes), kms]) {
      const { source } = await encryptor.encrypt({ sizeBytes: 100, open }, objectKey);
      await collect(source.open(undefined, { onlyLooking: true }));
      await collect(source.open());
    }
    expect(readings).toEqual([true, undefined, true, undefined]);
  });

  it("differs each time it is made, the header's beginning left out", async () => {
    const [one, two] = [await encryptBytes(sampleBytes(100)), await encryptBytes(sampleBytes(100))];
    expect(one.subarray(0, 16).equals(two.subarray(0, 16))).toBe(true);
    expect(one.subarray(16, headerBytes).equals(two.subarray(16, headerBytes))).toBe(false);
    expect(one.subarray(headerBytes).equals(two.subarray(headerBytes))).toBe(false);
  });

  it("does not open with any bit of a small one flipped", async () => {
    const stored = await encryptBytes(sampleBytes(20));
    for (let bit = 0; bit < stored.length * 8; bit += 1) {
      const spoiled = Buffer.from(stored);
      spoiled[bit >> 3] = (spoiled[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(open(spoiled)).rejects.toMatchObject({ code: "corrupt" });
    }
  });

  it("does not open with a bit flipped anywhere, cut off anywhere, or extended", async () => {
    const stored = await encryptBytes(sampleBytes(2 * segmentBytes + 5));
    const places = fc.oneof(fc.nat(stored.length - 1), fc.constantFrom(headerBytes, headerBytes + storedSegment));
    await fc.assert(
      fc.asyncProperty(places, fc.nat(7), async (at, bit) => {
        const spoiled = Buffer.from(stored);
        spoiled[at] = (spoiled[at] ?? 0) ^ (1 << bit);
        await expect(open(spoiled)).rejects.toMatchObject({ code: "corrupt" });
        await expect(open(stored.subarray(0, at))).rejects.toMatchObject({ code: "corrupt" });
        const longer = Buffer.concat([stored, stored.subarray(at)]);
        await expect(open(longer)).rejects.toMatchObject({ code: "corrupt" });
      }),
      few,
    );
  });

  it("does not open with segments swapped, left out or repeated", async () => {
    const stored = await encryptBytes(sampleBytes(3 * segmentBytes));
    const header = stored.subarray(0, headerBytes);
    const [a, b, c] = [0, 1, 2].map((index) =>
      stored.subarray(headerBytes + index * storedSegment, headerBytes + (index + 1) * storedSegment),
    );
    if (a === undefined || b === undefined || c === undefined) throw new Error("no segments");
    expect((await open(Buffer.concat([header, a, b, c]))).length).toBe(3 * segmentBytes);
    for (const order of [[b, a, c], [a, c], [b, c], [a, b], [a, a, b, c], [a, b, c, c], [c], []]) {
      await expect(open(Buffer.concat([header, ...order]))).rejects.toMatchObject({ code: "corrupt" });
    }
  });

  it("opens with its own data key, under its own object key, and nowhere else", async () => {
    const plain = sampleBytes(100);
    const stored = await encryptBytes(plain);
    const elsewhere = objectKey.replace("nb-1", "nb-2");
    await expect(open(stored, elsewhere)).rejects.toMatchObject({ code: "corrupt" });
    const other = { id: dataKey.id, key: sampleBytes(32, 6) };
    await expect(open(stored, objectKey, other)).rejects.toMatchObject({ code: "corrupt" });
    await expect(open(stored, objectKey, { ...dataKey, id: "1a2b3c4e" })).rejects.toThrow(
      "names the data key 1a2b3c4d",
    );
    await expect(open(plain)).rejects.toThrow("does not begin as an encrypted object does");
    expect((await open(stored)).equals(plain)).toBe(true);
  });

  it("has no size that is none of an encrypted object's", () => {
    for (const size of [0, headerBytes, headerBytes + tagBytes - 1, storedBytesOf(segmentBytes) + tagBytes]) {
      expect(plainBytes("aes1a2b3c4d", size)).toBeUndefined();
    }
    expect(plainBytes("kms1a2b3c4d", 116)).toBe(100);
    expect(plainBytes("kms1a2b3c4d", 15)).toBeUndefined();
    expect(plainBytes(undefined, 5)).toBe(5);
  });
});

describe("a file that changes while it is sent", () => {
  it("is refused when a second reading finds it, and gives away nothing of what changed", async () => {
    const source = await encrypt(restlessSource(segmentBytes + 10));
    const first = await collect(source.open());
    const received: Uint8Array[] = [];
    const again = async () => {
      for await (const chunk of source.open()) received.push(Uint8Array.from(chunk));
    };
    await expect(again()).rejects.toMatchObject({ code: "io", message: expect.stringContaining("changed while") });
    expect(Buffer.concat(received).equals(first.subarray(0, headerBytes + storedSegment))).toBe(true);
    const tail = { start: first.length - 5, end: first.length };
    await expect(collect(source.open(tail))).rejects.toMatchObject({ code: "io" });
    expect((await collect(source.open({ start: 0, end: 100 }))).equals(first.subarray(0, 100))).toBe(true);
  });

  it.each([-1, 1])("is refused when it has become %i byte longer", async (by) => {
    const bytes = sampleBytes(segmentBytes + 1 + by);
    const source = await encrypt({ ...bytesSource(bytes), sizeBytes: segmentBytes + 1 });
    await expect(collect(source.open())).rejects.toMatchObject({ code: "corrupt" });
  });
});

describe("objects as another implementation made them", () => {
  const ascending = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, i) => (from + i) % 256));
  const under = { id: vectors.dataKey.id, key: ascending(vectors.dataKey.keyFrom, 32) };

  it.each(vectors.objects)("are ours, byte for byte: $plainBytes bytes", async (vector) => {
    const plain = ascending(7, vector.plainBytes);
    const encryptor = aesEncryptor(under, (length) => ascending(vector.saltFrom, length));
    const stored = await collect((await encryptor.encrypt(bytesSource(plain), vector.objectKey)).source.open());
    expect(stored.length).toBe(vector.storedBytes);
    expect(createHash("sha256").update(stored).digest("hex")).toBe(vector.sha256);
    if (vector.stored !== undefined) expect(stored.toString("hex")).toBe(vector.stored);
    expect((await open(stored, vector.objectKey, under)).equals(plain)).toBe(true);
  });
});
