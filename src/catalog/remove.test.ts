import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { seededRandom, toArray } from "../../test/harness/sample-bytes.ts";
import { sampleKey } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode, sampleSize } from "../../test/harness/sample-node.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { acquireLock, repositoryLockName } from "../operation/operation.ts";
import type { Storage } from "../storage/storage.ts";
import { type Fault, faultyStorage, memoryStorage, randomlyFaultyStorage } from "../storage/testing/testing.ts";
import { readReferences } from "./references.ts";
import { type RemoveReport, removeBackups } from "./remove.ts";

const hourMs = 3_600_000;
const nowMs = 1000 * hourMs;
const clock = new ManualClock(nowMs);
const signal = new AbortController().signal;
let storage: Storage;
let node: SampleNode;
let cacheDir: string;

beforeAll(async () => {
  const directory = await temporaryDirectory();
  cacheDir = directory.path;
  return () => directory[Symbol.asyncDispose]();
});

beforeEach(() => {
  storage = memoryStorage({ clock });
  node = new SampleNode(storage);
});

type Flags = Readonly<Record<string, string>>;

function remove(flags: Flags, on: SampleNode = node, through: Storage = on.storage): Promise<RemoveReport> {
  const request = requestOf("remove-backup", { "storage-location": on.location, "cache-dir": cacheDir, ...flags });
  return removeBackups(request, { storage: through, clock, log: quietLog, signal });
}

/** Hours before now, as the time a backup was made. */
const ago = (hours: number) => nowMs - hours * hourMs;
const keys = (...numbers: readonly number[]) => numbers.map((number) => sampleKey(number)).sort();
const tags = async (on = node) => (await on.repository.listBackups()).map(({ name }) => name.tag);

describe("removing by name", () => {
  beforeEach(async () => {
    await node.backUp("a", ago(3), [1, 2, 3]);
    await node.backUp("b", ago(2), [2, 3, 4]);
    await node.backUp("c", ago(1), [4]);
  });

  it("deletes what that backup alone uses, then nothing of it is left", async () => {
    expect(await remove({ name: "b" })).toMatchObject({ removed: [{ objects: 0, bytes: 0 }], finished: 0 });
    expect(await node.dataKeys()).toEqual(keys(1, 2, 3, 4));
    expect(await remove({ name: "a" })).toMatchObject({
      removed: [{ objects: 3, bytes: sampleSize(1) + sampleSize(2) + sampleSize(3) }],
    });
    expect(await node.dataKeys()).toEqual(keys(4));
    expect(await remove({ name: "c" })).toMatchObject({ removed: [{ objects: 1 }] });
    expect(await toArray(storage.list(""))).toEqual([]);
  });

  it("touches no object that no manifest ever named", async () => {
    await node.put("data/ks/orphan", "x");
    await remove({ name: "a" });
    expect(await node.dataKeys()).toContain("data/ks/orphan");
  });

  it("is an error where there is no such backup, or several", async () => {
    await node.backUp("a", ago(9), [1]);
    await expect(remove({ name: "nope" })).rejects.toMatchObject({ code: "not-found" });
    await expect(remove({ name: "a" })).rejects.toMatchObject({ code: "ambiguous" });
    expect(await tags()).toEqual(["c", "b", "a", "a"]);
  });

  it("changes nothing when only asked what it would do, and says the same as doing it", async () => {
    const before = await toArray(storage.list(""));
    const said = await remove({ name: "a", dry: "true" });
    expect(await toArray(storage.list(""))).toEqual(before);
    expect(await remove({ name: "a" })).toEqual(said);
  });

  it("deletes many objects in calls of at most a thousand", async () => {
    await node.backUp(
      "big",
      ago(0.5),
      Array.from({ length: 1001 }, (_, n) => n + 10),
    );
    const calls: number[] = [];
    const counting: Storage = {
      ...storage,
      delete: (all, options) => {
        calls.push(all.length);
        return storage.delete(all, options);
      },
    };
    expect(await remove({ name: "big" }, node, counting)).toMatchObject({ removed: [{ objects: 1001 }] });
    expect(Math.max(...calls)).toBe(1000);
    expect(await node.dataKeys()).toEqual(keys(1, 2, 3, 4));
  });
});

describe("removing by age", () => {
  it("takes all that are older, the oldest first, and what they share goes too", async () => {
    await node.backUp("a", ago(5), [1, 2]);
    await node.backUp("b", ago(4), [2, 3]);
    await node.backUp("c", ago(1), [3]);
    const report = await remove({ "older-than": "2h" });
    expect(report.removed.map(({ name, objects }) => [name.slice(0, 1), objects])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(report.keptNewest).toEqual([]);
    expect(await node.dataKeys()).toEqual(keys(3));
  });

  it("is by more than the age, not by just that", async () => {
    await node.backUp("a", ago(2), [1]);
    await node.backUp("b", ago(1), [1]);
    expect(await remove({ "older-than": "2h" })).toMatchObject({ removed: [], keptNewest: [] });
    expect(await remove({ "older-than": "119minutes" })).toMatchObject({ removed: [{ objects: 0 }] });
  });

  it("keeps the newest however old it is, and says so", async () => {
    await node.backUp("a", ago(50), [1]);
    const newest = await node.backUp("b", ago(40), [2]);
    const report = await remove({ "older-than": "1h" });
    expect(report.removed).toHaveLength(1);
    expect(report.keptNewest).toMatchObject([{ name: newest.text }]);
    expect(await remove({ oldest: "true" })).toMatchObject({ removed: [], keptNewest: [{ name: newest.text }] });
    expect(await tags()).toEqual(["b"]);
    expect(await node.dataKeys()).toEqual(keys(2));
  });

  it("of the oldest takes one", async () => {
    await node.backUp("b", ago(2), [1, 2]);
    await node.backUp("a", ago(3), [1]);
    await node.backUp("c", ago(1), [2]);
    expect(await remove({ oldest: "true" })).toMatchObject({ removed: [{ objects: 0 }] });
    expect(await tags()).toEqual(["c", "b"]);
  });

  it("of a node without backups does nothing", async () => {
    expect(await remove({ "older-than": "1h" })).toEqual({ removed: [], keptNewest: [], finished: 0 });
  });
});

describe("a damaged manifest", () => {
  it("stops the removal of others until it is removed itself, which costs no other backup an object", async () => {
    await node.backUp("a", ago(3), [1, 2]);
    const damaged = await node.backUp("b", ago(2), [2, 3]);
    await node.backUp("c", ago(1), [3]);
    await node.put(`manifests/${damaged.text}.json`, "{");
    await expect(remove({ name: "a" })).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(`manifest '${damaged.text}' is not JSON`),
      hint: `remove it first, by its full name: ${damaged.text}`,
    });
    await expect(remove({ "older-than": "1m" })).rejects.toMatchObject({ code: "corrupt" });
    expect(await tags()).toEqual(["c", "b", "a"]);
    expect(await remove({ name: damaged.text })).toMatchObject({ removed: [{ objects: 0, bytes: 0 }] });
    expect(await node.dataKeys()).toEqual(keys(1, 2, 3));
    expect(await remove({ name: "a" })).toMatchObject({ removed: [{ objects: 2 }] });
    expect(await tags()).toEqual(["c"]);
  });

  it("keeps what an earlier removal had begun from being finished", async () => {
    const a = await node.backUp("a", ago(3), [1, 2]);
    const b = await node.backUp("b", ago(2), [2]);
    const { text } = await node.repository.readStoredManifest(a);
    await node.repository.beginRemoval(a, text);
    await node.put(`manifests/${b.text}.json`, "{");
    await remove({ "older-than": "100h" });
    expect(await node.dataKeys()).toEqual(keys(1, 2));
    expect(await node.removalNames()).toEqual([a.text]);
  });

  it("of a removal under way is passed over, and stays", async () => {
    const a = await node.backUp("a", ago(3), [1]);
    await node.backUp("b", ago(2), [2]);
    await node.repository.beginRemoval(a, "{");
    await node.backUp("c", ago(1), [3]);
    expect(await remove({ oldest: "true" })).toMatchObject({ removed: [{ objects: 1 }], finished: 0 });
    expect(await node.removalNames()).toEqual([a.text]);
    expect(await node.dataKeys()).toEqual(keys(1, 3));
  });
});

it("is refused while a backup or another removal of the node runs, unless it is a dry run", async () => {
  await node.backUp("a", ago(2), [1]);
  const name = await repositoryLockName({ protocol: "s3", bucket: "bucket", node: node.repository.path });
  await using _lock = await acquireLock({ name, subject: "it", verb: "backup", cacheDir, clock, log: quietLog });
  await expect(remove({ name: "a" })).rejects.toMatchObject({ code: "busy" });
  expect(await remove({ name: "a", dry: "true" })).toMatchObject({ removed: [{ objects: 1 }] });
  expect(await tags()).toEqual(["a"]);
});

type Step =
  | { readonly by: "name"; readonly pick: number }
  | { readonly by: "oldest" }
  | { readonly by: "age"; readonly hours: number };

const backups = fc.array(fc.uniqueArray(fc.nat({ max: 7 }), { maxLength: 6 }), { minLength: 1, maxLength: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.nat({ max: 5 }).map((pick) => ({ by: "name", pick }) as const),
  fc.constant({ by: "oldest" } as const),
  fc.integer({ min: 1, max: 7 }).map((hours) => ({ by: "age", hours }) as const),
);

/** Backup n is made n + 1 hours ago, so that backup 0 is the newest. */
async function nodeWith(objects: readonly (readonly number[])[]): Promise<SampleNode> {
  const made = new SampleNode(memoryStorage({ clock }));
  for (const [n, numbers] of objects.entries()) await made.backUp(`b${n}`, ago(n + 1), numbers);
  return made;
}

function flagsOf(step: Step, left: readonly number[]): Flags | undefined {
  if (step.by === "oldest") return { oldest: "true" };
  if (step.by === "age") return { "older-than": `${step.hours * 60 - 1}minutes` };
  const number = left[step.pick % Math.max(1, left.length)];
  return number === undefined ? undefined : { name: `b${number}` };
}

/** Which backups stay, thought out apart from the code. */
function modelOf(step: Step, left: readonly number[]): number[] {
  if (step.by === "name") return left.filter((number) => number !== left[step.pick % left.length]);
  const [newest = -1] = left;
  if (step.by === "oldest") return left.length > 1 ? left.slice(0, -1) : [...left];
  return left.filter((number) => number === newest || number + 1 < step.hours);
}

describe("whatever is shared and removed in whatever order", () => {
  it("nothing leaks, nothing that is named is lost, and what is said to be freed is freed", async () => {
    await fc.assert(
      fc.asyncProperty(backups, fc.array(step, { maxLength: 6 }), async (objects, steps) => {
        const on = await nodeWith(objects);
        let left = objects.map((_, n) => n);
        for (const each of steps) {
          const flags = flagsOf(each, left);
          if (flags === undefined) continue;
          const bytesBefore = await on.dataBytes();
          const reclaimable = await reclaimableOf(on);
          const dry = await remove({ ...flags, dry: "true" }, on);
          const report = await remove(flags, on);
          expect(report).toEqual(dry);
          left = modelOf(each, left);
          expect(await tags(on)).toEqual(left.map((number) => `b${number}`));
          expect(await on.dataKeys()).toEqual(keys(...new Set(left.flatMap((number) => objects[number] ?? []))));
          expect(await on.removalNames()).toEqual([]);
          const freed = report.removed.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(freed).toBe(bytesBefore - (await on.dataBytes()));
          const [only, ...more] = report.removed;
          if (only !== undefined && more.length === 0) expect(only.bytes).toBe(reclaimable.get(only.name));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("the same holds where calls fail at random, once a run gets through", async () => {
    await fc.assert(
      fc.asyncProperty(
        backups,
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        async (objects, steps, seed) => {
          const on = await nodeWith(objects);
          const failing = randomlyFaultyStorage(on.storage, { random: seededRandom(seed), rate: 0.15 });
          for (const each of steps) {
            const left = (await tags(on)).map((tag) => Number(tag.slice(1)));
            const flags = flagsOf(each, left);
            if (flags !== undefined) await remove(flags, on, failing).catch(() => undefined);
            await expectWhole(on);
          }
          await remove({ "older-than": "1000h" }, on);
          await expectSwept(on);
        },
      ),
      { numRuns: 60 },
    );
  });
});

async function reclaimableOf(on: SampleNode): Promise<ReadonlyMap<string, number>> {
  const references = await readReferences(on.repository, signal);
  return new Map(references.backups.map(({ name }) => [name.text, references.reclaimableBytes(name)]));
}

/** Every object that a manifest names is there. */
async function expectWhole(on: SampleNode): Promise<void> {
  const stored = new Set(await on.dataKeys());
  expect((await on.namedKeys()).filter((key) => !stored.has(key))).toEqual([]);
}

/** And nothing else is. */
async function expectSwept(on: SampleNode): Promise<void> {
  expect(await on.dataKeys()).toEqual(await on.namedKeys());
  expect(await on.removalNames()).toEqual([]);
}

describe("a crash at any call of a removal", () => {
  const methods = ["bucketExists", "list", "get", "put", "delete"] as const;
  const faults: readonly Fault[] = [{ kind: "before" }, { kind: "after" }, { kind: "cut", after: 1 }];
  const cases = methods.flatMap((method) => faults.map((fault) => ({ method, kind: fault.kind, fault })));

  it.each(cases)("$kind $method", async ({ method, fault }) => {
    let struck = 0;
    for (let skip = 0; ; skip += 1) {
      const on = await nodeWith([
        [4, 5],
        [1, 4],
        [1, 2, 3],
        [2, 3],
      ]);
      const failing = faultyStorage(on.storage, [{ method, skip, fault }]);
      const crashed = await remove({ "older-than": "90minutes" }, on, failing).then(
        () => false,
        () => true,
      );
      if (!crashed) break;
      failing.assertAllHit();
      struck += 1;
      await expectWhole(on);
      await remove({ "older-than": "90minutes" }, on);
      expect(await tags(on)).toEqual(["b0"]);
      await expectSwept(on);
      expect(await on.dataKeys()).toEqual(keys(4, 5));
    }
    // A cut is one of a stream or a list of rows; other calls it does not touch.
    expect(struck > 0 || fault.kind === "cut").toBe(true);
  });

  it("is swept by a removal of another backup too, and one that is only begun is not taken for done", async () => {
    const on = await nodeWith([
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
    const failing = faultyStorage(on.storage, [{ method: "delete", fault: { kind: "before" } }]);
    await expect(remove({ name: "b2" }, on, failing)).rejects.toMatchObject({ code: "storage" });
    expect(await tags(on)).toEqual(["b0", "b1", "b2"]);
    expect(await remove({ name: "b1" }, on)).toMatchObject({ finished: 1 });
    expect(await tags(on)).toEqual(["b0", "b2"]);
    await expectSwept(on);
  });

  it("midway through the objects is finished by the next run, which keeps what a new backup has taken up", async () => {
    const on = await nodeWith([[1], [2, 3, 4]]);
    const half: Storage = {
      ...on.storage,
      delete: async (all, options) => {
        const data = all.filter((key) => key.includes("/data/"));
        if (data.length === 0) return on.storage.delete(all, options);
        const [first = "", ...failed] = data;
        await on.storage.delete([first], options);
        return { failed: failed.map((key) => ({ key, error: new Error("throttled") })) };
      },
    };
    await expect(remove({ name: "b1" }, on, half)).rejects.toThrow("throttled");
    expect(await on.dataKeys()).toHaveLength(3);
    const [kept = 0] = [2, 3, 4].filter((number) => number === 4);
    await on.backUp("new", nowMs, [kept]);
    expect(await remove({ "older-than": "1000h" }, on)).toMatchObject({ removed: [], finished: 1 });
    expect(await on.dataKeys()).toEqual(keys(1, kept));
    await expectSwept(on);
  });
});
