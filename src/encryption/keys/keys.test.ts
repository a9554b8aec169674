/** The keys of a run against a store: made once, found again, refused when wrong, rotated, never half. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestKeys } from "../../../test/harness/keys.ts";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../../../test/harness/sample-bytes.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import type { Storage } from "../../storage/storage.ts";
import { faultyStorage, memoryStorage } from "../../storage/testing/testing.ts";
import { download, upload } from "../../transfer/transfer.ts";
import type { KeyLocation } from "./key-folder.ts";
import { openKeys } from "./keys.ts";
import { type Rotation, rotateKeys } from "./rotate.ts";
import { readSecret, type SecretSource } from "./secret.ts";

/** Making a key of a passphrase is meant to take its time. */
const slowMs = 60_000;
const { signal } = new AbortController();
const clock = new ManualClock();
let memory: Storage;
let place: KeyLocation;
let temporary: TemporaryDirectory;
let directory: string;

beforeEach(async () => {
  memory = memoryStorage({ clock });
  place = { storage: memory, prefix: "c/dc/n/keys/" };
  temporary = await temporaryDirectory();
  directory = temporary.path;
});

afterEach(() => temporary[Symbol.asyncDispose]());

async function keyFile(name: string, content: Uint8Array | string = randomBytes(32)): Promise<SecretSource> {
  const path = join(directory, name);
  await writeFile(path, content);
  return { kind: "key-file", path };
}

const passphrase = (text: string): SecretSource => ({ kind: "passphrase", passphrase: text });
const files = async () =>
  (await toArray(memory.list(""))).map(({ key }) => key).filter((key) => key.includes("/keys/"));
const textOf = async (key: string) => (await collect(await memory.get(key))).toString();

/** What a backup does with its keys; gives the key tag. */
async function backUp(secret: SecretSource): Promise<string> {
  const { encryptor, commit, renew } = await openTestKeys(secret, clock).forBackup(place, signal);
  await commit();
  await renew();
  return encryptor.keyTag;
}

function rotate(present: SecretSource, more: Partial<Rotation>, from: KeyLocation = place, by = clock) {
  const rotation = { present, next: undefined, keepOld: false, newDataKey: false, ...more };
  return rotateKeys(from, rotation, { clock: by, random: randomBytes, signal });
}

const opens = (secret: SecretSource, ...keyTags: readonly string[]) =>
  openTestKeys(secret).forReading(place, new Set(keyTags), "backup x", signal);

describe("the keys of a run", () => {
  it("make a data key for the first backup, not before it is committed, and find it again", async () => {
    const secret = await keyFile("key");
    const first = await openTestKeys(secret, clock).forBackup(place, signal);
    expect(first.isNew).toBe(true);
    expect(await files()).toEqual([]);
    await first.commit();
    expect(await files()).toEqual([`c/dc/n/keys/${first.encryptor.keyTag.slice(3)}.json`]);
    expect(await backUp(secret)).toBe(first.encryptor.keyTag);
    expect(await files()).toHaveLength(1);
  });

  it("carry a file into the store and back, and keep it out of sight there", async () => {
    const secret = await keyFile("key");
    const { encryptor } = await openTestKeys(secret, clock).forBackup(place, signal);
    const encrypted = await openTestKeys(secret, clock).forBackup(place, signal);
    await encrypted.commit();
    const objectKey = `data/ks/t-id/1-42-${encrypted.encryptor.keyTag}/nb-1-big-Data.db`;
    expect(encryptor.keyTag).not.toBe(encrypted.encryptor.keyTag);
    const plain = Buffer.from("what nobody else may read ".repeat(1000));
    const encrypt = { encryptor: encrypted.encryptor, objectKey };
    const sent = await upload(memory, objectKey, bytesSource(plain), { algorithm: "SHA-256", encrypt });
    expect(sent.sizeBytes).toBe(plain.length);
    const stored = await collect(await memory.get(objectKey));
    expect(stored.length).toBe(encrypted.encryptor.storedBytes(plain.length));
    expect(stored.includes("nobody else")).toBe(false);
    const decrypt = { decrypt: await opens(secret, encrypted.encryptor.keyTag), objectKey };
    const target = join(directory, "out");
    const expected = { sizeBytes: plain.length, hash: sent.hash, algorithm: "SHA-256" } as const;
    expect(await download(memory, objectKey, target, { expected, decrypt })).toEqual(sent);
    const other = { decrypt: encrypted.decrypt, objectKey: objectKey.replace("nb-1", "nb-2") };
    await expect(download(memory, objectKey, target, { expected, decrypt: other })).rejects.toMatchObject({
      code: "corrupt",
    });
  });

  it("refuse what is encrypted without a key, with a wrong one, and with one of another kind", async () => {
    const secret = await keyFile("key");
    const keyTag = await backUp(secret);
    await expect(openTestKeys().forReading(place, new Set([keyTag]), "backup x", signal)).rejects.toMatchObject({
      code: "unauthorized",
      message: `backup x is encrypted with key ${keyTag} of this repository`,
      hint: "add --encryption-key-file or --encryption-passphrase-file",
    });
    const wrong = await keyFile("wrong");
    for (const attempt of [
      () => opens(wrong, keyTag),
      () => backUp(wrong),
      () => openTestKeys(wrong).openAll(place, signal),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: "unauthorized",
        message: `the given key file does not open key ${keyTag} of this repository`,
      });
    }
    await expect(opens(passphrase("correct horse battery"), keyTag)).rejects.toMatchObject({
      code: "unauthorized",
      hint: "it opens with a key file",
    });
    const kms = () => openTestKeys(secret).forReading(place, new Set(["kms00112233"]), "backup x", signal);
    await expect(kms()).rejects.toMatchObject({ code: "unauthorized" });
    expect(await openTestKeys(secret).openAll(place, signal)).toEqual([keyTag]);
    const unopened = await opens(secret);
    const read = unopened(bytesSource(Buffer.alloc(99)).open(), `data/ks/t-id/1-42-${keyTag}/nb-1-big-Data.db`);
    await expect(read).rejects.toMatchObject({ code: "internal" });
    await openTestKeys().forReading(place, new Set(), "backup x", signal);
  });

  it("say which file is missing or damaged", async () => {
    const secret = await keyFile("key");
    const keyTag = await backUp(secret);
    const [file = ""] = await files();
    const text = await textOf(file);
    await memory.put(file, bytesSource(Buffer.from(text.slice(0, 100))));
    await expect(opens(secret, keyTag)).rejects.toMatchObject({ code: "corrupt" });
    await expect(backUp(secret)).rejects.toMatchObject({ code: "corrupt" });
    await memory.put(file, bytesSource(Buffer.alloc(70_000, "x")));
    await expect(opens(secret, keyTag)).rejects.toThrow("larger than any such file");
    await memory.delete([file]);
    await expect(opens(secret, keyTag)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(file),
    });
  });

  it("renew the data key's file, and write it again where it has just expired", async () => {
    const secret = await keyFile("key");
    const run = await openTestKeys(secret, clock).forBackup(place, signal);
    await run.commit();
    const [file = ""] = await files();
    await clock.advance(1000);
    await run.renew();
    expect((await memory.stat(file))?.modifiedMs).toBe(clock.now());
    await memory.delete([file]);
    await run.renew();
    await opens(secret, run.encryptor.keyTag);
  });

  it.each([true, false])("never replace another's data key: put if absent %s", async (putIfAbsent) => {
    const storage: Storage = { ...memory, capabilities: { ...memory.capabilities, putIfAbsent } };
    const [one, two] = [await keyFile("one"), await keyFile("two")];
    const same = (size: number) => Buffer.alloc(size, 7);
    const open = (secret: SecretSource) =>
      openKeys({ secret, clock, random: same }).forBackup({ ...place, storage }, signal);
    const [first, second] = [await open(one), await open(two)];
    await first.commit();
    await expect(second.commit()).rejects.toMatchObject({ code: "already-exists" });
    await opens(one, first.encryptor.keyTag);
  });

  it("do not count on a store that keeps something else", async () => {
    const secret = await keyFile("key");
    const forgetful = { ...memory, put: (key: string) => memory.put(key, bytesSource(Buffer.from("{}"))) };
    const { commit } = await openTestKeys(secret, clock).forBackup({ ...place, storage: forgetful }, signal);
    await expect(commit()).rejects.toMatchObject({ code: "storage", retryable: false });
  });
});

describe("a rotation", () => {
  it("gives way to the new key, and takes the old one away", async () => {
    const [old, next] = [await keyFile("old"), await keyFile("next")];
    const keyTag = await backUp(old);
    expect(await rotate(old, { next })).toEqual({ rewrapped: [keyTag], unchanged: [], begun: undefined });
    await opens(next, keyTag);
    await expect(opens(old, keyTag)).rejects.toMatchObject({ code: "unauthorized" });
    expect(await backUp(next)).toBe(keyTag);
    expect(await rotate(old, { next })).toEqual({ rewrapped: [], unchanged: [keyTag], begun: undefined });
  });

  it("keeps the old key beside the new one for as long as it is told to", { timeout: slowMs }, async () => {
    const [old, next] = [await keyFile("old"), passphrase("correct horse battery")];
    const keyTag = await backUp(old);
    await rotate(old, { next, keepOld: true });
    await opens(old, keyTag);
    await opens(next, keyTag);
    await rotate(old, { next });
    await opens(next, keyTag);
    await expect(opens(old, keyTag)).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("begins a data key for later backups; the former one still opens what it has", async () => {
    const secret = await keyFile("key");
    const before = await backUp(secret);
    const { begun, rewrapped } = await rotate(secret, { newDataKey: true }, place, new ManualClock(0));
    expect(rewrapped).toEqual([]);
    expect(await backUp(secret)).toBe(begun);
    expect(begun).not.toBe(before);
    await opens(secret, before, begun ?? "");
  });

  it("goes on where it was cut short, wherever that was", async () => {
    const [old, next] = [await keyFile("old"), await keyFile("next")];
    const keyTags = [await backUp(old)];
    for (let more = 0; more < 3; more += 1) {
      await clock.advance(1);
      keyTags.push((await rotate(old, { newDataKey: true })).begun ?? "");
    }
    for (let failing = 1; failing <= keyTags.length; failing += 1) {
      const [from, to] = failing % 2 === 1 ? [old, next] : [next, old];
      const storage = faultyStorage(memory, [{ method: "put", skip: failing - 1, fault: { kind: "before" } }]);
      await expect(rotate(from, { next: to }, { ...place, storage })).rejects.toThrow();
      const { rewrapped, unchanged } = await rotate(from, { next: to });
      expect(unchanged).toHaveLength(failing - 1);
      expect([...rewrapped, ...unchanged].sort()).toEqual(keyTags.toSorted());
      await opens(to, ...keyTags);
    }
  });

  it("writes nothing where the present key is wrong, or there is nothing to rotate", async () => {
    const [old, next] = [await keyFile("old"), await keyFile("next")];
    await expect(rotate(old, { next })).rejects.toMatchObject({ code: "not-found" });
    await backUp(old);
    const [file = ""] = await files();
    const before = await textOf(file);
    const wrong = await keyFile("wrong");
    await expect(rotate(wrong, { next })).rejects.toMatchObject({ code: "unauthorized" });
    await expect(rotate(wrong, { newDataKey: true })).rejects.toMatchObject({ code: "unauthorized" });
    expect(await files()).toEqual([file]);
    expect(await textOf(file)).toBe(before);
  });
});

describe("what operators keep", () => {
  it("is a key of 32 bytes or their base64, or one line of twelve characters and more", async () => {
    const key = sampleBytes(32);
    for (const content of [key, `${key.toString("base64")}\n`]) {
      const { kind, bytes } = await readSecret(await keyFile("key", content));
      expect([kind, Buffer.from(bytes).equals(key)]).toEqual(["key", true]);
    }
    const path = join(directory, "passphrase");
    await writeFile(path, "correct horse battery\n");
    for (const source of [{ kind: "passphrase-file", path }, passphrase("correct horse battery")] as const) {
      const { kind, bytes } = await readSecret(source);
      expect([kind, Buffer.from(bytes).toString()]).toEqual(["passphrase", "correct horse battery"]);
    }
    for (const content of ["", "\n", "too short", "           \n", "a first line here\na second"]) {
      await writeFile(path, content);
      await expect(readSecret({ kind: "passphrase-file", path })).rejects.toMatchObject({ code: "usage" });
    }
    const missing = { kind: "passphrase-file", path: join(directory, "none") } as const;
    await expect(readSecret(missing)).rejects.toMatchObject({ code: "not-found" });
    await expect(readSecret(await keyFile("key", "short"))).rejects.toMatchObject({ code: "usage" });
    await expect(readSecret({ kind: "passphrase-file", path: directory })).rejects.toMatchObject({ code: "io" });
  });
});
