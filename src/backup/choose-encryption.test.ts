import { beforeEach, describe, expect, it } from "vitest";
import { openTestKeys } from "../../test/harness/keys.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { EarlierBackups } from "../repository/repository.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { chooseEncryption } from "./choose-encryption.ts";

const { signal } = new AbortController();
const encrypting = { encrypt: "true", "encryption-passphrase-file": "/not/read/here" };
let node: SampleNode;
let warnings: string[];

beforeEach(() => {
  node = new SampleNode(memoryStorage({ clock: new ManualClock() }));
  warnings = [];
});

function choose(flags: Readonly<Record<string, string>> = {}, exists = true) {
  const request = requestOf("backup", { "storage-location": node.location, ...flags });
  const keys = openTestKeys({ kind: "passphrase", passphrase: "correct horse battery" });
  const log = { ...quietLog, warn: (text: string) => warnings.push(text) };
  const { repository } = node;
  return chooseEncryption({ request, repository, earlier: new EarlierBackups(repository), exists, keys, log, signal });
}

async function backUpEncrypted(tag: string, createdMs: number): Promise<string> {
  const name = sampleName(tag, createdMs);
  const objectKey = sampleKey(1).replace("/nb-", "-aes1a2b3c4d/nb-");
  await node.repository.writeManifest(name, sampleManifest(name, [{ objectKey, type: "FILE", size: 1, hash: null }]));
  return name.text;
}

describe("whether a backup is encrypted", () => {
  it("is as it was told, and in the clear where nobody says and none before was", async () => {
    expect(await choose()).toBeUndefined();
    await node.backUp("plain", 2000, [1]);
    expect(await choose()).toBeUndefined();
    expect((await choose(encrypting))?.encryptor.keyTag).toMatch(/^aes/);
    expect(warnings).toEqual([]);
  });

  it("must be said after one that is, whatever cannot be read came later", async () => {
    await node.backUp("plain", 1000, [1]);
    const encrypted = await backUpEncrypted("encrypted", 2000);
    await node.put(`manifests/${sampleName("torn", 3000).text}.json`, "{");
    await expect(choose()).rejects.toMatchObject({
      code: "usage",
      message: `the newest backup, ${encrypted}, is encrypted, and this one would not be`,
    });
    expect(await choose({ encrypt: "false" })).toBeUndefined();
    await node.backUp("plain again", 4000, [1]);
    expect(await choose()).toBeUndefined();
  });

  it("must be said after one that Esop for Java has encrypted, under keys without a key tag", async () => {
    const name = sampleName("of Esop", 1000);
    const entry = { objectKey: sampleKey(1), type: "FILE", size: 17, hash: null, kmsKeyId: "alias/esop" } as const;
    await node.repository.writeManifest(name, sampleManifest(name, [entry]));
    await expect(choose()).rejects.toMatchObject({
      code: "usage",
      message: `the newest backup, ${name.text}, is encrypted, and this one would not be`,
      hint: "add --kms-key-id 'alias/esop', or --encrypt=false to upload unencrypted files",
    });
    expect(await choose({ encrypt: "false" })).toBeUndefined();
  });

  it("is no question where there is no bucket yet", async () => {
    await backUpEncrypted("encrypted", 2000);
    expect(await choose({}, false)).toBeUndefined();
  });

  it("warns where the data key of the newest backup is gone", async () => {
    const encrypted = await backUpEncrypted("encrypted", 2000);
    expect(await choose(encrypting)).toMatchObject({ isNew: true });
    expect(warnings).toEqual([expect.stringContaining(encrypted)]);
  });
});
