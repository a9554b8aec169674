import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memoryKms } from "../../../test/harness/memory-kms.ts";
import {
  bytesSource,
  collect,
  restlessSource,
  sampleBytes,
  transientChunks,
  transientSource,
} from "../../../test/harness/sample-bytes.ts";
import { AppError, isAppError } from "../../errors.ts";
import type { ByteStream, ObjectStream, RewindableSource } from "../../storage/storage.ts";
import { isKmsEncrypted } from "../format/s3-client-format.ts";
import { decryptKms } from "./decryption.ts";
import { kmsEncryptor } from "./encryptor.ts";
import type { Kms } from "./kms.ts";

const keyId = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd";
const maxPlainBytes = 68_719_476_704;
/** Of the file, given out at once. */
const pieceBytes = 256 * 1024;

/** As a store gives it, in chunks of a length of their own. */
function stored(bytes: Uint8Array, metadata: ObjectStream["metadata"] = {}, chunkBytes = 777): ObjectStream {
  return { metadata, [Symbol.asyncIterator]: () => transientChunks(bytes, chunkBytes) };
}

async function encrypt(kms: Kms, plain: Uint8Array, chunkBytes?: number) {
  const encryptor = kmsEncryptor({ keyId, kms, random: randomBytes });
  const { source, metadata = {}, tags } = await encryptor.encrypt(transientSource(plain, chunkBytes), "k");
  return { source, metadata, tags, body: await collect(source.open()) };
}

/** What came out before the end or the error. */
async function read(stream: ByteStream): Promise<{ readonly bytes: Buffer; readonly error?: unknown }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of stream) chunks.push(Uint8Array.from(chunk));
    return { bytes: Buffer.concat(chunks) };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error };
  }
}

describe("encryptor", () => {
  test("makes objects of a known size, with metadata and the tag by which Esop finds the key", async () => {
    const kms = memoryKms();
    const encryptor = kmsEncryptor({ keyId, kms, random: randomBytes });
    expect(encryptor.keyTag).toBe("kmsff128919");
    expect(kmsEncryptor({ keyId: "alias/x", kms, random: randomBytes }).keyTag).not.toBe(encryptor.keyTag);
    const { source, metadata, tags, body } = await encrypt(kms, sampleBytes(1000));
    expect(source.sizeBytes).toBe(encryptor.storedBytes(1000));
    expect(body).toHaveLength(1016);
    expect(source.sequential).toBe(true);
    expect(tags).toEqual({ kmsKey: keyId });
    expect(metadata).toMatchObject({ "x-amz-c": "115", "x-amz-t": '{"aws:x-amz-cek-alg":"115"}' });
    expect(isKmsEncrypted(metadata)).toBe(true);
    expect(kms.calls).toEqual(["generate"]);
  });

  test("gives the same bytes each time, and others for each object", async () => {
    const kms = memoryKms();
    const plain = sampleBytes(50_000);
    const [one, other] = [await encrypt(kms, plain, 1000), await encrypt(kms, plain)];
    expect((await collect(one.source.open())).equals(one.body)).toBe(true);
    expect((await read(one.source.open(undefined, { transient: true }))).bytes.equals(one.body)).toBe(true);
    expect(one.body.equals(other.body)).toBe(false);
  });

  test("refuses what is larger than the format takes, before it asks for a key", async () => {
    const kms = memoryKms();
    const encryptor = kmsEncryptor({ keyId, kms, random: randomBytes });
    expect(encryptor.storedBytes(maxPlainBytes)).toBe(maxPlainBytes + 16);
    expect(() => encryptor.storedBytes(maxPlainBytes + 1)).toThrow(expect.objectContaining({ code: "unsupported" }));
    const large: RewindableSource = { sizeBytes: maxPlainBytes + 1, open: () => stored(Buffer.alloc(0)) };
    await expect(encryptor.encrypt(large, "k")).rejects.toMatchObject({ code: "unsupported" });
    expect(kms.calls).toEqual([]);
  });

  test.each([
    ["one byte less", 999],
    ["one byte more", 1001],
    ["nothing", 0],
  ])("fails before the tag where the file has %s than it said", async (_, sizeBytes) => {
    const encryptor = kmsEncryptor({ keyId, kms: memoryKms(), random: randomBytes });
    const plain: RewindableSource = { sizeBytes: 1000, open: () => stored(sampleBytes(sizeBytes)) };
    const { source } = await encryptor.encrypt(plain, "k");
    const { bytes, error } = await read(source.open());
    expect(error).toMatchObject({ code: "corrupt" });
    expect(bytes.length).toBeLessThan(1000);
  });

  test("refuses a file that has changed when it is read again, and gives away nothing of what changed", async () => {
    const encryptor = kmsEncryptor({ keyId, kms: memoryKms(), random: randomBytes });
    const { source } = await encryptor.encrypt(restlessSource(3 * pieceBytes + 10), "data/k");
    const first = await collect(source.open());
    for (const options of [{}, { transient: true }]) {
      const { bytes, error } = await read(source.open(undefined, options));
      expect(error).toMatchObject({ code: "io", message: "the file behind data/k changed while it was sent" });
      expect(bytes.equals(first.subarray(0, 3 * pieceBytes))).toBe(true);
    }
  });

  test("compares with what an attempt gave out that did not come to its end", async () => {
    const plain = sampleBytes(3 * pieceBytes);
    const encryptor = kmsEncryptor({ keyId, kms: memoryKms(), random: randomBytes });
    const { source } = await encryptor.encrypt(bytesSource(plain), "k");
    let seenBytes = 0;
    for await (const chunk of source.open()) {
      seenBytes += chunk.length;
      if (seenBytes > pieceBytes) break;
    }
    // What nobody has seen yet may still change.
    plain.writeUInt8(plain.readUInt8(2 * pieceBytes) ^ 1, 2 * pieceBytes);
    expect(await collect(source.open())).toHaveLength(source.sizeBytes);
    plain.writeUInt8(plain.readUInt8(0) ^ 1, 0);
    const { bytes, error } = await read(source.open());
    expect(error).toMatchObject({ code: "io" });
    expect(bytes).toHaveLength(0);
  });

  test("ends with what the KMS or the file fails with", async () => {
    const denied = new AppError("unauthorized", "no");
    const kms: Kms = { ...memoryKms(), generateDataKey: () => Promise.reject(denied) };
    await expect(encrypt(kms, sampleBytes(1))).rejects.toBe(denied);
    const broken = new AppError("io", "gone");
    // biome-ignore lint/correctness/useYield: it fails before its first byte.
    async function* open(): AsyncGenerator<Uint8Array> {
      throw broken;
    }
    const encryptor = kmsEncryptor({ keyId, kms: memoryKms(), random: randomBytes });
    const { source } = await encryptor.encrypt({ sizeBytes: 1, open }, "k");
    await expect(collect(source.open())).rejects.toBe(broken);
  });
});

describe("decryption", () => {
  test("gives what was encrypted, of any size and however it is cut", async () => {
    const sizes = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 5000 }));
    const cuts = fc.integer({ min: 1, max: 2000 });
    await fc.assert(
      fc.asyncProperty(sizes, cuts, cuts, async (size, plainCut, storedCut) => {
        const kms = memoryKms();
        const plain = sampleBytes(size, size);
        const { body, metadata } = await encrypt(kms, plain, plainCut);
        expect(body).toHaveLength(size + 16);
        const opened = await collect(await decryptKms(stored(body, metadata, storedCut), kms));
        expect(opened.equals(plain)).toBe(true);
        expect(kms.calls).toEqual(["generate", "decrypt"]);
      }),
    );
  });

  test("holds back no more than the tag", async () => {
    const kms = memoryKms();
    const { body, metadata } = await encrypt(kms, sampleBytes(1000));
    const given: number[] = [];
    let taken = 0;
    async function* oneByOne() {
      for (let at = 0; at < body.length; at += 100) {
        given.push(taken);
        yield body.subarray(at, at + 100);
      }
    }
    const opened = await decryptKms({ metadata, [Symbol.asyncIterator]: oneByOne }, kms);
    for await (const chunk of opened) taken += chunk.length;
    expect(given).toEqual([0, 84, 184, 284, 384, 484, 584, 684, 784, 884, 984]);
    expect(taken).toBe(1000);
  });

  test("refuses a body in which any bit was changed", async () => {
    const kms = memoryKms();
    const { body, metadata } = await encrypt(kms, sampleBytes(300));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: body.length * 8 - 1 }), async (bit) => {
        const spoiled = Buffer.from(body);
        spoiled.writeUInt8(spoiled.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const { error } = await read(await decryptKms(stored(spoiled, metadata), kms));
        expect(error).toMatchObject({ code: "corrupt" });
      }),
    );
  });

  test("refuses metadata in which any bit was changed, before one byte is given", async () => {
    const kms = memoryKms();
    const { body, metadata } = await encrypt(kms, sampleBytes(300));
    for (const [name, value] of Object.entries(metadata)) {
      for (let bit = 0; bit < value.length * 8; bit += 1) {
        const bytes = Buffer.from(value, "latin1");
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const changed = { ...metadata, [name]: bytes.toString("latin1") };
        const refusal = await decryptKms(stored(body, changed), kms).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(isAppError(refusal, "corrupt") || isAppError(refusal, "unsupported")).toBe(true);
      }
    }
  });

  test("refuses what was cut short or made longer", async () => {
    const kms = memoryKms();
    const { body, metadata } = await encrypt(kms, sampleBytes(100));
    for (let length = 0; length < body.length; length += 1) {
      const { error } = await read(await decryptKms(stored(body.subarray(0, length), metadata), kms));
      expect(error).toMatchObject({ code: "corrupt" });
    }
    for (const extra of [1, 16, 1000]) {
      const { error } = await read(await decryptKms(stored(Buffer.concat([body, Buffer.alloc(extra)]), metadata), kms));
      expect(error).toMatchObject({ code: "corrupt" });
    }
  });

  test("refuses the data key of another object before one byte is given", async () => {
    const kms = memoryKms();
    const [one, other] = [await encrypt(kms, sampleBytes(100)), await encrypt(kms, sampleBytes(100))];
    const exchanged = { ...one.metadata, "x-amz-3": other.metadata["x-amz-3"] ?? "" };
    await expect(decryptKms(stored(one.body, exchanged), kms, undefined, "data/k")).rejects.toMatchObject({
      code: "corrupt",
      message: "the encrypted object 'data/k' cannot be read: its commitment does not fit its data key",
    });
  });

  test("lets go of the object that it cannot read, and keeps what the KMS said", async () => {
    const kms = memoryKms();
    const { body, metadata } = await encrypt(kms, sampleBytes(100));
    let released = 0;
    async function* watched() {
      try {
        yield body;
      } finally {
        released += 1;
      }
    }
    const object = (beside: ObjectStream["metadata"]): ObjectStream => ({
      ...(beside === undefined ? {} : { metadata: beside }),
      [Symbol.asyncIterator]: watched,
    });
    await expect(decryptKms(object(undefined), kms)).rejects.toMatchObject({ code: "unsupported" });
    const denied = new AppError("unauthorized", "cannot unwrap it", { hint: "ask for kms:Decrypt" });
    const strict: Kms = { ...kms, decrypt: () => Promise.reject(denied) };
    await expect(decryptKms(object(metadata), strict)).rejects.toMatchObject({
      code: "unauthorized",
      message: "the encrypted object cannot be read: cannot unwrap it",
      hint: "ask for kms:Decrypt",
      cause: denied,
    });
    const stop = AbortSignal.abort();
    const hanging: Kms = { ...kms, decrypt: () => Promise.reject(stop.reason) };
    await expect(decryptKms(object(metadata), hanging, stop)).rejects.toMatchObject({ code: "cancelled" });
    expect(released).toBe(3);
  });
});
