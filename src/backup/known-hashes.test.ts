import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { EarlierBackups } from "../repository/repository.ts";
import type { Storage } from "../storage/storage.ts";
import { faultyStorage, memoryStorage } from "../storage/testing/testing.ts";
import { knownObjects } from "./known-hashes.ts";

let storage: Storage;
let node: SampleNode;

beforeEach(() => {
  storage = memoryStorage({ clock: new ManualClock() });
  node = new SampleNode(storage);
});

type Hashes = Readonly<Record<number, string | null>>;

/** A manifest that gives hashes to numbered objects, of ours or as another tool writes it. */
async function manifest(createdMs: number, hashes: Hashes, ours = true): Promise<void> {
  const name = sampleName("b", createdMs);
  const entries = Object.entries(hashes).map(([number, hash]) => {
    return { objectKey: sampleKey(Number(number)), type: "FILE", size: 1, hash } as const;
  });
  const content = sampleManifest(name, entries);
  if (ours) await node.repository.writeManifest(name, content);
  else await node.put(`manifests/${name.text}.json`, JSON.stringify(content));
}

const known = (...numbers: readonly number[]) =>
  knownObjects(new EarlierBackups(node.repository), new Set(numbers.map((number) => sampleKey(number))), quietLog);

describe("what is known of stored objects", () => {
  it("is what the newest manifest of ours says, and only of what is asked for", async () => {
    await manifest(1000, { 1: "old", 2: "two", 3: "three" });
    await manifest(2000, { 1: "new" });
    expect(await known(1, 2, 9)).toEqual(
      new Map([
        [sampleKey(1), { hash: "new", trusted: true }],
        [sampleKey(2), { hash: "two", trusted: true }],
      ]),
    );
  });

  it("of another tool's manifests is known only where none of ours says it, and not trusted", async () => {
    await manifest(1000, { 1: "ours" });
    await manifest(2000, { 1: "esop", 2: "old" }, false);
    await manifest(3000, { 2: "new" }, false);
    expect(await known(1, 2)).toEqual(
      new Map([
        [sampleKey(1), { hash: "ours", trusted: true }],
        [sampleKey(2), { hash: "new", trusted: false }],
      ]),
    );
  });

  it("takes no more manifests than it needs", async () => {
    await manifest(1000, { 1: "a", 2: "b" });
    await manifest(2000, { 2: "b" });
    await manifest(3000, { 1: "a" });
    let reads = 0;
    const counting = new SampleNode(
      {
        ...storage,
        get: (key, options) => {
          reads += 1;
          return storage.get(key, options);
        },
      },
      "dc1",
      node.repository.path.node,
    );
    node = counting;
    expect((await known()).size).toBe(0);
    expect(reads).toBe(0);
    expect((await known(1)).size).toBe(1);
    expect(reads).toBe(1);
    expect((await known(1, 2)).size).toBe(2);
    expect(reads).toBe(3);
  });

  it("passes over a manifest that cannot be read", async () => {
    await manifest(1000, { 1: "a" });
    await node.put(`manifests/${sampleName("b", 2000).text}.json`, "{");
    expect(await known(1)).toEqual(new Map([[sampleKey(1), { hash: "a", trusted: true }]]));
    const failing = faultyStorage(storage, [{ method: "get", times: 2, fault: { kind: "before" } }]);
    node = new SampleNode(failing, "dc1", node.repository.path.node);
    expect((await known(1)).size).toBe(0);
    const aborted = knownObjects(
      new EarlierBackups(node.repository),
      new Set([sampleKey(1)]),
      quietLog,
      AbortSignal.abort(),
    );
    await expect(aborted).rejects.toMatchObject({ code: "cancelled" });
  });
});
