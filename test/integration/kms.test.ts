/** Backups of a real node that are encrypted with a KMS key on their way to S3, ours and as Esop 4 makes them. */
import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { isKmsEncrypted, kmsEncryptor } from "../../src/encryption/encryption.ts";
import { silentLogger } from "../../src/log.ts";
import { NodeRepository } from "../../src/repository/node-repository.ts";
import type { NodePath } from "../../src/repository/repository.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { backUpDestroyRestoreRemove } from "../harness/main-job.ts";
import { type Moto, startMoto } from "../harness/moto.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { bytesSource, collect, toArray } from "../harness/sample-bytes.ts";
import { createSampleTables } from "../harness/sample-tables.ts";

const store = await startStore("versitygw");
const moto = await startMoto();
const missing = "reason" in store ? store.reason : "reason" in moto ? moto.reason : undefined;

describe.skipIf(missing !== undefined)(`a KMS key${missing === undefined ? "" : `: ${missing}`}`, () => {
  const [server, kms] = [store as ObjectStore, moto as Moto];
  const environment = () => ({
    ...server.credentials,
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_ENDPOINT_URL_KMS: kms.endpoint,
    AWS_REGION: "us-east-1",
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await kms[Symbol.asyncDispose]();
  });

  it("encrypts backups, sends nothing twice, and gives every row back", async () => {
    await backUpDestroyRestoreRemove({
      protocol: "s3",
      environment: { ...environment(), AWS_KMS_KEY_ID: await kms.createKey() },
    });
  });

  it("opens what Esop 4 has encrypted, under keys without a key tag, which no backup in the clear replaces", async () => {
    const node = await useCassandra({ version: "5.0" });
    const tables = await createSampleTables(node);
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    const path: NodePath = { cluster: "sandbox", datacenter: "dc1", node: String(rows[0]?.["host_id"]) };
    const location = `s3://of-esop/${path.cluster}/${path.datacenter}/${path.node}`;
    const run = (verb: string, tag: string, ...more: readonly string[]) => {
      const jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
      const what = ["--storage-location", location, "--entities", tables.keyspace, "--snapshot-tag", tag];
      return esop([verb, ...what, ...jmx, ...more, "--json"], { environment: environment() });
    };
    expect(await run("backup", "encrypted", "--create-missing-bucket")).toMatchObject({ status: 0 });
    await encryptAsEsop(path, await kms.createKey());
    const encrypted = await encryptedObjects();
    expect(encrypted.length).toBeGreaterThan(0);
    const refused = await run("backup", "clear");
    expect(refused.json, refused.stderr).toMatchObject({
      code: "usage",
      hint: expect.stringContaining("--kms-key-id"),
    });
    expect(await run("backup", "clear", "--encrypt=false")).toMatchObject({ status: 0 });
    expect(await encryptedObjects()).toEqual(encrypted);
    for (const tag of ["encrypted", "clear"]) {
      await tables.destroy();
      expect(await run("restore", tag)).toMatchObject({ status: 0 });
      await tables.expectRows(1);
    }
  });

  it("that there is not says so, before anything is stored", async () => {
    const node = await useCassandra({ version: "5.0" });
    const tables = await createSampleTables(node);
    const jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
    const key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    const what = ["--storage-location", "s3://no-key", "--create-missing-bucket", "--entities", tables.keyspace];
    const { json, stderr } = await esop(["backup", ...what, ...jmx, "--kms-key-id", key, "--json"], {
      environment: environment(),
    });
    expect(json, stderr).toMatchObject({ code: "unauthorized", hint: expect.stringContaining("--kms-key-id") });
    await using opened = await open("no-key");
    expect(await toArray(opened.storage.list(""))).toEqual([]);
  });

  async function open(bucket: string): Promise<AsyncDisposable & { readonly storage: Storage }> {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = server.credentials;
    const settings = { endpoint: server.endpoint, environment: { AWS_ACCESS_KEY_ID, AWS_SECRET_KEY } };
    const shared = { clock: systemClock, random: Math.random, log: silentLogger };
    const storage = await openStorage({ protocol: "s3", bucket }, { ...shared, settings });
    return { storage, [Symbol.asyncDispose]: () => storage.close() };
  }

  async function encryptedObjects(): Promise<readonly string[]> {
    await using opened = await open("of-esop");
    const keys: string[] = [];
    for (const { key } of await toArray(opened.storage.list(""))) {
      const stored = await opened.storage.get(key);
      await collect(stored);
      if (isKmsEncrypted(stored.metadata)) keys.push(key);
    }
    return keys.sort();
  }

  /** The same backup, as if it had been made by Esop 4 with this key: same object keys, the key's name in the manifest. */
  async function encryptAsEsop(path: NodePath, keyId: string): Promise<void> {
    await using opened = await open("of-esop");
    const { storage } = opened;
    const repository = new NodeRepository(storage, path, silentLogger);
    const encryptor = kmsEncryptor({ keyId, kms: kms.kms, random: randomBytes });
    for (const { key } of await toArray(storage.list(repository.key("data/")))) {
      const plain = await collect(await storage.get(key));
      const { source, ...beside } = await encryptor.encrypt(bytesSource(plain), key);
      await storage.put(key, source, beside);
    }
    const [manifest] = await toArray(storage.list(repository.key("manifests/")));
    if (manifest === undefined) throw new Error("no manifest");
    const text = (await collect(await storage.get(manifest.key))).toString();
    const changed = JSON.stringify(JSON.parse(text), (name, value) =>
      name === "" || typeof value !== "object" || value === null || !("objectKey" in value)
        ? value
        : { ...value, size: value.size + 16, kmsKeyId: keyId },
    );
    await storage.put(manifest.key, bytesSource(Buffer.from(changed)));
  }
});
