import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, toArray } from "../../test/harness/sample-bytes.ts";
import { AppError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { compareClocks } from "./node.ts";
import { probeStore } from "./store.ts";

const { signal } = new AbortController();
const node = { cluster: "c", datacenter: "dc1", node: "n" };
const clock = new ManualClock();
let storage: Storage;

beforeEach(() => {
  storage = memoryStorage({ clock });
});

const keys = async () => (await toArray(storage.list(""))).map(({ key }) => key);

describe("the probe of a store", () => {
  it("passes on a store that keeps its word, and leaves what was there", async () => {
    await storage.put("c/dc1/n/manifests/other.json", bytesSource(Buffer.from("{}")));
    await expect(probeStore(storage, { node, clock, signal })).resolves.toHaveProperty("modifiedMs");
    expect(await keys()).toEqual(["c/dc1/n/manifests/other.json"]);
  });

  it.each<[what: string, broken: (sound: Storage) => Partial<Storage>, says: RegExp]>([
    ["loses it", () => ({ list: async function* () {} }), /does not list/],
    [
      "changes it",
      () => ({
        get: async () =>
          (async function* () {
            yield Buffer.from("other");
          })(),
      }),
      /returns other bytes/,
    ],
    ["refuses to renew it", () => ({ refresh: () => Promise.reject(new AppError("unauthorized", "no")) }), /^no$/],
  ])("deletes its object where the store %s", async (_, broken, says) => {
    const unsound: Storage = { ...bound(storage), ...broken(storage) };
    await expect(probeStore(unsound, { node, clock, signal })).rejects.toThrow(says);
    expect(await keys()).toEqual([]);
  });
});

/** The methods as own properties, so that some can be replaced. */
function bound(sound: Storage): Storage {
  return {
    description: sound.description,
    capabilities: sound.capabilities,
    bucketExists: (options) => sound.bucketExists(options),
    createBucket: (options) => sound.createBucket(options),
    stat: (key, options) => sound.stat(key, options),
    list: (prefix, options) => sound.list(prefix, options),
    children: (prefix, options) => sound.children(prefix, options),
    get: (key, options) => sound.get(key, options),
    put: (key, source, options) => sound.put(key, source, options),
    refresh: (key, options) => sound.refresh(key, options),
    delete: (names, options) => sound.delete(names, options),
    close: () => sound.close(),
  };
}

describe("two clocks", () => {
  const ours = { beforeMs: 1_000_000, afterMs: 1_005_000 };

  it("agree within a minute", () => {
    for (const theirs of [940_000, 1_000_000, 1_003_000, 1_065_000]) {
      expect(compareClocks("the store", theirs, ours)).toEqual({
        says: "agrees with the local clock",
      });
    }
  });

  it("are told which is ahead", () => {
    expect(compareClocks("the store", 900_000, ours)).toMatchObject({
      warning: true,
      says: "the clock of the store is 1 min 40 s behind the local clock",
    });
    expect(compareClocks("the store", 1_305_000, ours).says).toBe(
      "the clock of the store is 5 min 00 s ahead of the local clock",
    );
  });
});
