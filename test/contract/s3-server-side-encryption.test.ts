/** Encryption by the store, with its own keys, its KMS's, and ours: on MinIO, which has all three, over TLS. */
import { writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, expect, test } from "vitest";
import { s3Dialects } from "../../src/storage/s3/options.ts";
import type { S3Encryption } from "../../src/storage/storage.ts";
import { casesOn } from "../harness/cases-on.ts";
import { makeCertificates } from "../harness/certificates.ts";
import { minioKey, startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import { sdkClient } from "../harness/sdk-client.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const directory = await temporaryDirectory();
const certificates = await makeCertificates(directory.path);
const mebibyte = 1024 * 1024;

afterAll(() => directory[Symbol.asyncDispose]());

casesOn("server-side encryption", await startStore("minio", { tls: certificates }), (server) => {
  const open = (encryption: S3Encryption | undefined, bucket?: string) =>
    openS3(server, {
      dialect: s3Dialects.minio,
      partBytes: 5 * mebibyte,
      copySizes: { maxBytes: 6 * mebibyte, partBytes: 5 * mebibyte },
      ...(bucket === undefined ? {} : { bucket }),
      s3: { endpoint: server.endpoint, caFile: certificates.authorityFile, encryption },
    });

  const keyFile = async (name: string, seed: number) => {
    const path = join(directory.path, name);
    await writeFile(path, sampleBytes(32, seed).toString("base64"));
    return path;
  };

  const headOf = async (bucket: string, key: string) => {
    const requestHandler = { httpsAgent: new Agent({ rejectUnauthorized: false }) };
    const client = sdkClient(server, { requestHandler });
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    client.destroy();
    return head;
  };

  test.each([
    ["the store's own keys", async () => ({ kind: "s3" }) as const, { ServerSideEncryption: "AES256" }],
    [
      "a key of its KMS",
      async () => ({ kind: "kms", keyId: minioKey }) as const,
      { ServerSideEncryption: "aws:kms", SSEKMSKeyId: expect.stringContaining(minioKey) },
    ],
    ["a key of ours", async () => ({ kind: "customer", keyFile: await keyFile("ours", 1) }) as const, undefined],
  ])("with %s: objects come back, also by ranges, and renewed they stay encrypted", async (_, kind, told) => {
    await using s3 = await open(await kind());
    const { storage, bucket } = s3;
    for (const [key, size] of [
      ["small", 1000],
      ["middle", 2 * mebibyte],
      ["parts", 11 * mebibyte + 3],
    ] as const) {
      const bytes = sampleBytes(size);
      await storage.put(key, bytesSource(bytes));
      const check = async () => {
        expect((await collect(await storage.get(key))).equals(bytes)).toBe(true);
        const range = { start: 500, end: size - 1 };
        expect((await collect(await storage.get(key, { range }))).equals(bytes.subarray(500, -1))).toBe(true);
        expect(await storage.stat(key)).toMatchObject({ sizeBytes: size });
        if (told !== undefined) expect(await headOf(bucket, key)).toMatchObject(told);
      };
      await check();
      await storage.refresh(key);
      await check();
    }
    const listed = new Map((await toArray(storage.list(""))).map(({ key, sizeBytes }) => [key, sizeBytes]));
    expect(listed.get("parts")).toBe(11 * mebibyte + 3);
  });

  test("what is stored with a key of ours cannot be read with another, or with none", async () => {
    await using s3 = await open({ kind: "customer", keyFile: await keyFile("right", 2) });
    await s3.storage.put("k", bytesSource(sampleBytes(1000)));
    await using other = await open({ kind: "customer", keyFile: await keyFile("wrong", 3) }, s3.bucket);
    await expect(other.storage.get("k")).rejects.toMatchObject({ code: "unauthorized" });
    await using without = await open(undefined, s3.bucket);
    await expect(without.storage.get("k")).rejects.toMatchObject({ retryable: false });
    await expect(headOf(s3.bucket, "k")).rejects.toThrow();
  });
});
