import { expect, it } from "vitest";
import { openTestKeys } from "../../test/harness/keys.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { SampleNode } from "../../test/harness/sample-node.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { checkEncryption } from "./encryption.ts";

const { signal } = new AbortController();

it("asks for a key where the newest backup needs one, and for none where the KMS has it", async () => {
  const node = new SampleNode(memoryStorage({ clock: new ManualClock() }));
  const check = () => checkEncryption(node.repository, openTestKeys(), signal);
  expect(await check()).toBeUndefined();
  const [encrypted, kms] = [sampleName("encrypted", 1000), sampleName("kms", 2000)];
  const objectKey = sampleKey(1).replace("/nb-", "-aes1a2b3c4d/nb-");
  await node.repository.writeManifest(encrypted, sampleManifest(encrypted, [{ objectKey, type: "FILE", size: 1 }]));
  expect(await check()).toMatchObject({
    says: `the newest backup, ${encrypted.text}, is encrypted, but no key is given`,
    warning: true,
  });
  const entry = { objectKey: sampleKey(2), type: "FILE", size: 17, kmsKeyId: "alias/a" } as const;
  await node.repository.writeManifest(kms, sampleManifest(kms, [entry]));
  expect(await check()).toEqual({
    says: `the newest backup, ${kms.text}, is encrypted with the KMS key 'alias/a'; a restore needs permission to decrypt with it`,
  });
});
