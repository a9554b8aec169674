import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { sampleKey, sampleManifest, sampleName, sampleTableId } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { BackupName } from "../repository/repository.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { type RemoveReport, removeBackups } from "./remove.ts";

const hourMs = 3_600_000;
const nowMs = 1000 * hourMs;
const clock = new ManualClock(nowMs);
const signal = new AbortController().signal;
let node: SampleNode;
let cacheDir: string;

beforeAll(async () => {
  const directory = await temporaryDirectory();
  cacheDir = directory.path;
  return () => directory[Symbol.asyncDispose]();
});

beforeEach(() => {
  node = new SampleNode(memoryStorage({ clock }));
});

function remove(flags: Readonly<Record<string, string>>): Promise<RemoveReport> {
  const request = requestOf("remove-backup", { "storage-location": node.location, "cache-dir": cacheDir, ...flags });
  return removeBackups(request, { storage: node.storage, clock, log: quietLog, signal });
}

/** The time that many hours before now. */
const ago = (hours: number) => nowMs - hours * hourMs;
const keys = (...numbers: readonly number[]) => numbers.map((number) => sampleKey(number)).sort();
const tags = async () => (await node.repository.listBackups()).map(({ name }) => name.tag);

describe("an ad-hoc backup of one table", () => {
  /** Backs up tables of the keyspace ks, each with one object. */
  async function backUpTables(tag: string, createdMs: number, tables: readonly string[]): Promise<BackupName> {
    const name = sampleName(tag, createdMs);
    const sample = sampleManifest(name, []);
    const table = { sstables: {}, id: sampleTableId };
    const keyspaces = { ks: { tables: Object.fromEntries(tables.map((each) => [each, table])) } };
    await node.repository.writeManifest(name, { ...sample, snapshot: { name: name.text, keyspaces } });
    return name;
  }

  it("is not taken for the newest that an age rule keeps", async () => {
    await backUpTables("full1", ago(50), ["orders", "items"]);
    const full = await backUpTables("full2", ago(40), ["orders", "items"]);
    const single = await backUpTables("single", ago(30), ["orders"]);
    const report = await remove({ "older-than": "1h" });
    expect(report.removed.map(({ name }) => name.slice(0, 5))).toEqual(["full1"]);
    expect(report.keptNewest.map(({ name }) => name)).toEqual([single.text, full.text]);
    expect(await remove({ oldest: "true" })).toMatchObject({ removed: [], keptNewest: [{ name: full.text }] });
  });

  it("is removed by age once a newer one has its table", async () => {
    await backUpTables("single", ago(50), ["orders"]);
    await backUpTables("full", ago(40), ["orders", "items"]);
    expect(await remove({ "older-than": "1h" })).toMatchObject({ removed: [{}], keptNewest: [{}] });
    expect(await tags()).toEqual(["full"]);
  });
});

describe("what is not understood below manifests/", () => {
  beforeEach(async () => {
    await node.backUp("a", ago(3), [1, 2]);
    await node.backUp("b", ago(1), [2]);
  });

  it.each(["weekly.json", "2026/weekly.json", "a.json.gz", "b.json.tmp"])("%s blocks every removal", async (file) => {
    await node.put(`manifests/${file}`, "{}");
    for (const flags of [{ name: "a" }, { "older-than": "1h" }, { name: "a", dry: "true" }]) {
      await expect(remove(flags)).rejects.toMatchObject({
        code: "corrupt",
        message: expect.stringMatching(`manifests/${file} is no manifest that esop knows, so it may name any object`),
        hint: expect.stringContaining("move it elsewhere"),
      });
    }
    expect(await tags()).toEqual(["b", "a"]);
    expect(await node.dataKeys()).toEqual(keys(1, 2));
  });

  it("keeps an interrupted removal from being finished", async () => {
    const c = await node.backUp("c", ago(2), [3]);
    const { text } = await node.repository.readStoredManifest(c);
    await node.repository.beginRemoval(c, text);
    await node.put("manifests/weekly.json", "{}");
    expect(await remove({ "older-than": "100h" })).toMatchObject({ removed: [], finished: 0 });
    expect(await node.dataKeys()).toEqual(keys(1, 2, 3));
  });
});
