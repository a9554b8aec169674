import { beforeEach, describe, expect, it } from "vitest";
import { openTestKeys } from "../../test/harness/keys.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { patient } from "../../test/harness/patience.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import type { SecretSource } from "../encryption/encryption.ts";
import { type ManifestFile, manifestFiles } from "../repository/repository.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { openBackup, withFileSizes } from "./open-backup.ts";

const { signal } = new AbortController();
const secret: SecretSource = { kind: "passphrase", passphrase: "correct horse battery" };
const backup = sampleName("b", 1000);
let node: SampleNode;
let warnings: string[];

beforeEach(() => {
  node = new SampleNode(memoryStorage({ clock: new ManualClock() }));
  warnings = [];
});

/** One file under each key tag; "" for one that is not encrypted. */
function filesUnder(keyTags: readonly string[], size = 164): ManifestFile[] {
  const entries = keyTags.map((keyTag, generation) => {
    const key = sampleKey(generation);
    const objectKey = keyTag === "" ? key : key.replace("/nb-", `-${keyTag}/nb-`);
    return { objectKey, type: "FILE", size, hash: null } as const;
  });
  return [...manifestFiles(sampleManifest(backup, entries))];
}

function open(files: Iterable<ManifestFile>, given: SecretSource | undefined, flags: Record<string, string> = {}) {
  const request = requestOf("restore", { "storage-location": node.location, "snapshot-tag": "b", ...flags });
  const log = { ...quietLog, warn: (text: string) => warnings.push(text) };
  return openBackup({ request, repository: node.repository, backup, files, keys: openTestKeys(given), log, signal });
}

async function dataKeyTag(): Promise<string> {
  const { encryptor, commit } = await openTestKeys(secret).forBackup(node.repository.keyLocation, signal);
  await commit();
  return encryptor.keyTag;
}

describe("opening a backup", () => {
  it("wants the key where it is encrypted, unless nothing of it is read", { timeout: patient(60_000) }, async () => {
    const files = filesUnder([await dataKeyTag()]);
    await expect(open(files, undefined)).rejects.toMatchObject({ code: "unauthorized" });
    await expect(open(files, undefined, { "dry-run": "true" })).rejects.toMatchObject({ code: "unauthorized" });
    await open(files, secret);
    for (const phase of ["truncate", "import", "cleanup"]) {
      await open(files, undefined, { "restoration-phase-type": phase });
    }
    await open(files, undefined, { "restoration-no-download-data": "true" });
    expect(warnings).toEqual([]);
  });

  it("wants nothing where it is not, and says so to who has a key", async () => {
    await open(filesUnder([""]), undefined);
    expect(warnings).toEqual([]);
    await open(filesUnder([""]), secret);
    expect(warnings).toEqual([expect.stringMatching(/ has 1 unencrypted file/)]);
  });
});

describe("the sizes of files", () => {
  it("are those of the plaintext", () => {
    const sizes = [...withFileSizes(filesUnder(["aes1a2b3c4d", "kms1a2b3c4d", ""]))].map(({ entry }) => entry.size);
    expect(sizes).toEqual([100, 148, 164]);
  });

  it("are refused where no encrypted file has them", () => {
    expect(() => [...withFileSizes(filesUnder(["aes1a2b3c4d"], 63))]).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
  });
});
