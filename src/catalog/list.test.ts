import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode, sampleSize } from "../../test/harness/sample-node.ts";
import type { Storage } from "../storage/storage.ts";
import { faultyStorage, memoryStorage } from "../storage/testing/testing.ts";
import { listBackups } from "./list.ts";

const signal = new AbortController().signal;
let storage: Storage;
let node: SampleNode;

beforeEach(() => {
  storage = memoryStorage({ clock: new ManualClock() });
  node = new SampleNode(storage);
});

const list = (flags: Readonly<Record<string, string>> = {}, from = storage, location = node.location) =>
  listBackups(requestOf("list", { "storage-location": location, ...flags }), { storage: from, log: quietLog, signal });
const bytes = (...objects: readonly number[]) => objects.reduce((sum, number) => sum + sampleSize(number), 0);

describe("list", () => {
  it("counts shared objects once in the totals, and as reclaimable of nobody", async () => {
    await node.backUp("a", 1000, [1, 2, 3]);
    await node.backUp("b", 2000, [2, 3, 4]);
    await node.backUp("c", 3000, [3]);
    const [listed, ...others] = await list();
    expect(others).toEqual([]);
    expect(listed?.backups).toMatchObject([
      { name: { tag: "c" }, tables: 1, files: 1, bytes: bytes(3), reclaimableBytes: 0 },
      { name: { tag: "b" }, tables: 1, files: 3, bytes: bytes(2, 3, 4), reclaimableBytes: bytes(4) },
      { name: { tag: "a" }, tables: 1, files: 3, bytes: bytes(1, 2, 3), reclaimableBytes: bytes(1) },
    ]);
    expect(listed?.total).toEqual({ backups: 3, files: 4, bytes: bytes(1, 2, 3, 4) });
  });

  it("counts as a naive count does, whatever is shared", async () => {
    const backups = fc.array(fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 6 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(backups, async (objects) => {
        const fresh = new SampleNode(memoryStorage({ clock: new ManualClock() }));
        for (const [n, numbers] of objects.entries()) await fresh.backUp(`b${n}`, n + 1, numbers);
        const [listed] = await list({}, fresh.storage, fresh.location);
        for (const { name, reclaimableBytes } of listed?.backups ?? []) {
          const others = objects.filter((_, n) => `b${n}` !== name.tag).flat();
          const alone = objects[Number(name.tag.slice(1))]?.filter((number) => !others.includes(number)) ?? [];
          expect(reclaimableBytes).toBe(bytes(...alone));
        }
        expect(listed?.total.bytes).toBe(await fresh.dataBytes());
        expect(listed?.total.files).toBe(new Set(objects.flat()).size);
      }),
      { numRuns: 60 },
    );
  });

  it("says which keys a backup is encrypted with", async () => {
    const [plain] = [await node.backUp("a", 1000, [1])];
    const marked = (keyTag: string) => sampleKey(1).replace("/nb-", `-${keyTag}/nb-`);
    const entries = ["aes22222222", "aes11111111", "aes22222222"].map((keyTag) => {
      return { objectKey: marked(keyTag), type: "FILE", size: 1, hash: null } as const;
    });
    const name = sampleName("b", 2000);
    await node.repository.writeManifest(name, sampleManifest(name, entries));
    const [listed] = await list();
    expect(listed?.backups).toMatchObject([
      { name: { text: name.text }, encryptedWith: ["aes11111111", "aes22222222"] },
      { name: { text: plain?.text }, encryptedWith: [] },
    ]);
  });

  it("shows the newest so many, or those from a time on, with the totals of all", async () => {
    await node.backUp("a", 1000, [1, 2]);
    await node.backUp("b", 2000, [2]);
    await node.backUp("c", 3000, [3]);
    const tags = async (flags: Readonly<Record<string, string>>) => {
      const [listed] = await list(flags);
      expect(listed?.total).toMatchObject({ backups: 3, files: 3 });
      return listed?.backups.map(({ name, reclaimableBytes }) => [name.tag, reclaimableBytes]);
    };
    expect(await tags({ "last-n": "1" })).toEqual([["c", bytes(3)]]);
    expect(await tags({ "from-timestamp": "2" })).toEqual([
      ["c", bytes(3)],
      ["b", 0],
    ]);
    expect(await tags({ "from-timestamp": "1", "last-n": "9" })).toHaveLength(3);
  });

  it("shows a damaged backup as such, beside the others", async () => {
    await node.backUp("good", 1000, [1]);
    const damaged = await node.backUp("bad", 2000, [1]);
    await node.put(`manifests/${damaged.text}.json`, "{");
    const [listed] = await list();
    expect(listed?.backups).toMatchObject([
      { name: { tag: "bad" }, files: 0, reclaimableBytes: 0, damaged: `manifest '${damaged.text}' is not JSON` },
      { name: { tag: "good" }, files: 1, reclaimableBytes: bytes(1), damaged: undefined },
    ]);
  });

  it("takes a store that fails for no damage", async () => {
    await node.backUp("a", 1000, [1]);
    const failing = faultyStorage(storage, [{ method: "get", fault: { kind: "cut", after: 10 } }]);
    await expect(list({}, failing)).rejects.toMatchObject({ code: "storage" });
    failing.assertAllHit();
  });

  it("shows every node when the location names none", async () => {
    await node.backUp("a", 1000, [1]);
    await new SampleNode(storage, "dc2").backUp("b", 1000, [1]);
    const nodes = await list({}, storage, "s3://bucket");
    expect(nodes.map(({ path }) => path.datacenter).sort()).toEqual(["dc1", "dc2"]);
  });

  it("of nothing is an error that says so", async () => {
    await expect(list()).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("nothing in memory/c/dc1"),
    });
    await expect(list({}, storage, "s3://bucket")).rejects.toMatchObject({ code: "not-found" });
    const missing = memoryStorage({ clock: new ManualClock(), bucketExists: false });
    await expect(list({}, missing)).rejects.toMatchObject({ code: "not-found", message: "there is no memory" });
    await node.put("data/ks/orphan", "");
    expect(await list()).toMatchObject([{ backups: [], total: { backups: 0, files: 0, bytes: 0 } }]);
  });
});
