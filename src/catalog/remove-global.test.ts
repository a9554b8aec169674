import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { bytesSource, toArray } from "../../test/harness/sample-bytes.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { acquireLock, repositoryLockName } from "../operation/operation.ts";
import type { Storage } from "../storage/storage.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
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

function remove(flags: Readonly<Record<string, string>>): Promise<RemoveReport> {
  const request = requestOf("remove-backup", { "storage-location": node.location, "cache-dir": cacheDir, ...flags });
  return removeBackups(request, { storage, clock, log: quietLog, signal });
}

/** The time that many hours before now. */
const ago = (hours: number) => nowMs - hours * hourMs;
const tags = async (on = node) => (await on.repository.listBackups()).map(({ name }) => name.tag);

describe("a global request", () => {
  let far: SampleNode;

  beforeEach(async () => {
    far = new SampleNode(storage, "dc2");
    for (const [on, tag] of [
      [node, "both"],
      [node, "near"],
      [far, "both"],
      [far, "newest"],
    ] as const) {
      await on.backUp(tag, ago(tag === "newest" ? 1 : 5), [1]);
    }
  });

  it("removes from every node that has the backup", async () => {
    const report = await remove({ name: "both", "global-request": "true" });
    expect(report.removed.map(({ path }) => path.datacenter).sort()).toEqual(["dc1", "dc2"]);
    expect([await tags(node), await tags(far)]).toEqual([["near"], ["newest"]]);
    expect(await remove({ name: "near", "global-request": "true" })).toMatchObject({ removed: [{ objects: 1 }] });
  });

  it("goes on with the other nodes where one is in use, and reports it", async () => {
    const name = await repositoryLockName({ protocol: "s3", bucket: "bucket", node: node.repository.path });
    await using _lock = await acquireLock({ name, subject: "it", verb: "backup", cacheDir, clock, log: quietLog });
    await expect(remove({ name: "both", "global-request": "true" })).rejects.toMatchObject({ code: "busy" });
    expect([(await tags(node)).toSorted(), await tags(far)]).toEqual([["both", "near"], ["newest"]]);
  });

  it("is an error only where no node has it", async () => {
    await expect(remove({ name: "none", "global-request": "true" })).rejects.toMatchObject({ code: "not-found" });
  });

  it("may be confined to datacenters", async () => {
    await remove({ name: "both", "global-request": "true", dcs: "dc2" });
    expect([(await tags(node)).toSorted(), await tags(far)]).toEqual([["both", "near"], ["newest"]]);
    await expect(remove({ name: "both", "global-request": "true", dcs: "dc3" })).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringMatching(/dc1.*dc2|dc2.*dc1/),
    });
  });

  it("with a location of a bucket alone is refused where the bucket holds several clusters", async () => {
    await storage.put("prod2/dc1/n/manifests/x", bytesSource(Buffer.from("x")));
    for (const dcs of [{}, { dcs: "dc2" }]) {
      await expect(
        remove({ "storage-location": "s3://bucket", name: "both", "global-request": "true", ...dcs }),
      ).rejects.toMatchObject({
        code: "ambiguous",
        message: expect.stringContaining("2 clusters: c, prod2"),
        hint: expect.stringContaining("s3://bucket/CLUSTER/DATACENTER/NODE"),
      });
    }
    expect(await tags(far)).toEqual(["newest", "both"]);
  });

  it("with a location of a bucket alone means its one cluster", async () => {
    await remove({ "storage-location": "s3://bucket", name: "both", "global-request": "true" });
    expect([await tags(node), await tags(far)]).toEqual([["near"], ["newest"]]);
  });

  it("leaves other clusters alone", async () => {
    await storage.put(`other/dc1/n/manifests/x`, bytesSource(Buffer.from("x")));
    await remove({ name: "both", "global-request": "true" });
    expect(await storage.stat("other/dc1/n/manifests/x")).toBeDefined();
  });

  it("takes the topology files of what it removes, unless it is confined", async () => {
    const [name] = (await node.repository.listBackups()).filter(({ name }) => name.tag === "both");
    if (name === undefined) throw new Error("no backup");
    const topology = { timestamp: 1, clusterName: "c", schemaVersion: "v", topology: [] };
    await node.repository.writeTopology(name.name, topology);
    const files = async () => (await toArray(storage.list("topology/"))).length;
    await remove({ name: "both", "global-request": "true", dry: "true" });
    expect(await files()).toBe(1);
    await remove({ name: "both", "global-request": "true" });
    expect(await files()).toBe(0);
  });
});
