/** What the AWS S3 Encryption Client for Java, in the mode that Esop uses, and this read of each other. Needs no node. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decryptKms, isKmsEncrypted, kmsEncryptor } from "../../src/encryption/encryption.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { upload } from "../../src/transfer/transfer.ts";
import { cacheDirectory } from "../harness/cassandra.ts";
import { type Moto, startMoto } from "../harness/moto.ts";
import { openS3 } from "../harness/opened-s3.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { prepareS3EncryptionClient, type S3EncryptionClient } from "../harness/s3-encryption-client.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const mebibyte = 1024 * 1024;
const partBytes = 5 * mebibyte;
const sizes = [0, 1, 15, 16, 17, 37, mebibyte + 3, 12 * mebibyte];
const formats = ["3", "2"] as const;
const ways = ["whole", "parts"] as const;
const oursSpoiled = "ours-spoiled";

const ours = (size: number) => `ours-${size}`;
const theirs = (format: string, way: string, size: number) => `theirs-${format}-${way}-${size}`;

const moto = await startMoto();
const java = await prepareS3EncryptionClient(cacheDirectory());
const [missing] = [moto, java].flatMap((one) => ("reason" in one ? [one.reason] : []));

/** The same object with one bit of its body changed. */
async function putSpoiled(storage: Storage, from: string, to: string): Promise<void> {
  const stored = await storage.get(from);
  const bytes = await collect(stored);
  bytes.writeUInt8(bytes.readUInt8(3) ^ 4, 3);
  await storage.put(to, bytesSource(bytes), { metadata: stored.metadata ?? {} });
}

describe.skipIf(missing !== undefined)(`encrypted objects${missing === undefined ? "" : `: ${missing}`}`, () => {
  const { kms, createKey, endpoint, credentials } = moto as Moto;
  /** Answer and file of each job, by its object key. */
  const done = new Map<string, { readonly answer: string; readonly path: string }>();
  let s3: OpenedStore;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    s3 = await openS3(moto as Moto, { partBytes });
    const keyId = await createKey();
    const encryptor = kmsEncryptor({ keyId, kms, random: randomBytes });
    const jobs: string[][] = [];
    for (const size of sizes) {
      const plain = sampleBytes(size);
      const encrypt = { encryptor, objectKey: ours(size) };
      await upload(s3.storage, ours(size), bytesSource(plain), { algorithm: "NONE", encrypt });
      jobs.push(["get", s3.bucket, ours(size), join(directory.path, ours(size))]);
      const path = join(directory.path, `plain-${size}`);
      await writeFile(path, plain);
      for (const format of formats) {
        for (const way of ways) jobs.push(["put", format, way, s3.bucket, theirs(format, way, size), path]);
      }
    }
    await putSpoiled(s3.storage, ours(37), oursSpoiled);
    jobs.push(["get", s3.bucket, oursSpoiled, join(directory.path, oursSpoiled)]);
    const answers = await (java as S3EncryptionClient).run(keyId, jobs, {
      ...credentials,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ENDPOINT_URL_KMS: endpoint,
      AWS_REGION: "us-east-1",
    });
    for (const [index, job] of jobs.entries()) {
      const [key = "", path = ""] = job.slice(-2);
      done.set(key, { answer: answers[index] ?? "", path });
    }
  });
  afterAll(async () => {
    await s3[Symbol.asyncDispose]();
    await (moto as Moto)[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test.each(sizes)("of ours with %i bytes are read by the client for Java", async (size) => {
    const { answer, path = "" } = done.get(ours(size)) ?? {};
    expect(answer).toBe("ok");
    expect((await readFile(path)).equals(sampleBytes(size))).toBe(true);
  });

  test("of ours with a changed bit are refused by the client for Java", () => {
    expect(done.get(oursSpoiled)?.answer).toContain("AEADBadTagException");
  });

  const foreign = formats.flatMap((format) => ways.flatMap((way) => sizes.map((size) => ({ format, way, size }))));
  test.each(foreign)("of the client for Java in format $format, $way, with $size bytes are read", async (object) => {
    const { format, way, size } = object;
    const key = theirs(format, way, size);
    expect(done.get(key)?.answer).toBe("ok");
    const stored = await s3.storage.get(key);
    expect(isKmsEncrypted(stored.metadata)).toBe(true);
    expect(stored.metadata).toHaveProperty(format === "3" ? "x-amz-3" : "x-amz-key-v2");
    expect((await collect(await decryptKms(stored, kms))).equals(sampleBytes(size))).toBe(true);
  });

  test.each(formats)("of the client for Java in format %s with a changed bit are refused", async (format) => {
    const key = `theirs-spoiled-${format}`;
    await putSpoiled(s3.storage, theirs(format, "parts", 37), key);
    const opened = await decryptKms(await s3.storage.get(key), kms);
    await expect(collect(opened)).rejects.toMatchObject({ code: "corrupt" });
  });
});
