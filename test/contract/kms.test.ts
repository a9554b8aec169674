/** Objects that are encrypted with a KMS key, on real servers: through the transfers and the S3 driver, and back. */
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, describe, expect, test } from "vitest";
import { decryptKms, isKmsEncrypted, type Kms, kmsEncryptor } from "../../src/encryption/encryption.ts";
import { type Decrypt, download, upload } from "../../src/transfer/transfer.ts";
import { type Moto, startMoto } from "../harness/moto.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { type OpenedS3Options, openS3 } from "../harness/opened-s3.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { bytesSource, sampleBytes } from "../harness/sample-bytes.ts";
import { sdkClient } from "../harness/sdk-client.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const mebibyte = 1024 * 1024;
const partBytes = 5 * mebibyte;
const tagBytes = 16;

const moto = await startMoto();
const versitygw = await startStore("versitygw");
afterAll(async () => {
  for (const store of [moto, versitygw]) if (!("reason" in store)) await store[Symbol.asyncDispose]();
});

const decryption =
  (kms: Kms): Decrypt =>
  async (stored, objectKey) =>
    isKmsEncrypted(stored.metadata) ? decryptKms(stored, kms, undefined, objectKey) : stored;

/** One object, encrypted, with what the store and others know of it. */
async function encryptedObject(server: ObjectStore, kms: Kms, keyId: string, options: OpenedS3Options = {}) {
  const s3 = await openS3(server, { partBytes, ...options });
  const encryptor = kmsEncryptor({ keyId, kms, random: randomBytes });
  const client = sdkClient(server);
  const object = { Bucket: s3.bucket, Key: "data/ks/t/nb-1-big-Data.db" };
  const encrypt = { encryptor, objectKey: object.Key };
  return {
    s3,
    client,
    object,
    put: (plain: Uint8Array) => upload(s3.storage, object.Key, bytesSource(plain), { algorithm: "SHA-256", encrypt }),
    head: () => client.send(new HeadObjectCommand(object)),
    tags: async () => (await client.send(new GetObjectTaggingCommand(object))).TagSet,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await s3[Symbol.asyncDispose]();
    },
  };
}

async function fetched({ storage }: OpenedStore, key: string, kms: Kms, plain: Uint8Array): Promise<Buffer> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "file");
  const hash = createHash("sha256").update(plain).digest("hex");
  const expected = { sizeBytes: plain.length, hash, algorithm: "SHA-256" } as const;
  try {
    await download(storage, key, path, { expected, decrypt: { decrypt: decryption(kms), objectKey: key } });
    return await readFile(path);
  } catch (error) {
    expect(await readdir(directory.path)).toEqual([]);
    throw error;
  }
}

for (const [name, store] of Object.entries({ moto, versitygw })) {
  const [missing] = [store, moto].flatMap((one) => ("reason" in one ? [one.reason] : []));
  describe.skipIf(missing !== undefined)(`encrypted on ${name}${missing === undefined ? "" : `: ${missing}`}`, () => {
    const server = store as ObjectStore;
    const { kms, createKey } = moto as Moto;

    test.each([
      ["an empty file", 0],
      ["a small one", 1000],
      ["one that is held no longer", 300_000],
      ["one whose tag ends the only part", partBytes - tagBytes],
      ["one whose tag is cut", partBytes - 7],
      ["one whose tag has a part of its own", partBytes],
      ["one of three parts", 2 * partBytes + 123],
    ])("%s is stored as Esop stores it, and comes back", async (_, size) => {
      const keyId = await createKey();
      await using encrypted = await encryptedObject(server, kms, keyId);
      const plain = sampleBytes(size);
      const hash = createHash("sha256").update(plain).digest("hex");
      expect(await encrypted.put(plain)).toEqual({ sizeBytes: size, hash });
      expect(await encrypted.tags()).toEqual([{ Key: "kmsKey", Value: keyId }]);
      const { ContentLength: storedBytes, Metadata: metadata } = await encrypted.head();
      expect(storedBytes).toBe(size + tagBytes);
      const { "esop-upload": upload, ...envelope } = metadata ?? {};
      expect(upload !== undefined).toBe(size + tagBytes > partBytes);
      expect(envelope).toEqual({
        "x-amz-3": expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
        "x-amz-c": "115",
        "x-amz-w": "12",
        "x-amz-i": expect.stringMatching(/^[A-Za-z0-9+/]{38}==$/),
        "x-amz-d": expect.stringMatching(/^[A-Za-z0-9+/]{38}==$/),
        "x-amz-t": '{"aws:x-amz-cek-alg":"115"}',
      });
      expect((await fetched(encrypted.s3, encrypted.object.Key, kms, plain)).equals(plain)).toBe(true);
    });

    test.each([
      ["", {}],
      [" in parts", { copySizes: { maxBytes: mebibyte, partBytes } }],
    ])("a renewal%s keeps tag, metadata and bytes", async (_, options) => {
      const keyId = await createKey();
      await using encrypted = await encryptedObject(server, kms, keyId, options);
      const plain = sampleBytes(partBytes + 1000);
      await encrypted.put(plain);
      const before = await encrypted.head();
      await encrypted.s3.storage.refresh(encrypted.object.Key);
      expect((await encrypted.head()).Metadata).toEqual(before.Metadata);
      expect(await encrypted.tags()).toEqual([{ Key: "kmsKey", Value: keyId }]);
      expect((await fetched(encrypted.s3, encrypted.object.Key, kms, plain)).equals(plain)).toBe(true);
    });

    test("what was changed in the store is refused, and leaves no file", async () => {
      await using encrypted = await encryptedObject(server, kms, await createKey());
      const plain = sampleBytes(400_000);
      await encrypted.put(plain);
      const { client, object, s3 } = encrypted;
      const { Metadata = {} } = await encrypted.head();
      const body = Buffer.alloc(plain.length + tagBytes, 1);
      await client.send(new PutObjectCommand({ ...object, Body: body, Metadata }));
      await expect(fetched(s3, object.Key, kms, plain)).rejects.toMatchObject({
        code: "corrupt",
        message: `the encrypted object '${object.Key}' cannot be read: its bytes are not those that were encrypted`,
      });
      const context = JSON.stringify({ "aws:x-amz-cek-alg": "115", more: "1" });
      await client.send(new PutObjectCommand({ ...object, Body: body, Metadata: { ...Metadata, "x-amz-t": context } }));
      await expect(fetched(s3, object.Key, kms, plain)).rejects.toMatchObject({
        code: "corrupt",
        message: `the encrypted object '${object.Key}' cannot be read: cannot unwrap a data key: the KMS answered InvalidCiphertextException`,
      });
    });

    test("a key that is not there stores nothing", async () => {
      await using encrypted = await encryptedObject(server, kms, "no-such-key");
      await expect(encrypted.put(sampleBytes(10))).rejects.toMatchObject({
        code: "unauthorized",
        message: expect.stringContaining("of the KMS key 'no-such-key': the KMS answered NotFoundException"),
        hint: expect.stringContaining("--kms-key-id"),
      });
      expect(await encrypted.s3.storage.stat(encrypted.object.Key)).toBeUndefined();
    });
  });
}

describe.skipIf("reason" in moto)(`the KMS${"reason" in moto ? `: ${moto.reason}` : ""}`, () => {
  const { kms, createKey } = moto as Moto;

  test("unwraps with the key and the context of the data key, and no other", async () => {
    const [keyId, other] = [await createKey(), await createKey()];
    const context = { "aws:x-amz-cek-alg": "115" };
    const { dataKey, wrappedKey } = await kms.generateDataKey(keyId, context);
    expect(dataKey).toHaveLength(32);
    expect(await kms.decrypt(wrappedKey, context)).toEqual(dataKey);
    expect(await kms.decrypt(wrappedKey, context, keyId)).toEqual(dataKey);
    await expect(kms.decrypt(wrappedKey, context, other)).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining(other),
      hint: expect.stringContaining("kms:Decrypt"),
    });
    await expect(kms.decrypt(wrappedKey, {})).rejects.toMatchObject({ code: "corrupt" });
  });
});
