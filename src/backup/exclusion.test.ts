import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestKeys } from "../../test/harness/keys.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { toArray } from "../../test/harness/sample-bytes.ts";
import { quietLog } from "../../test/harness/sample-node.ts";
import { StandInNode } from "../../test/harness/stand-in-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { removeBackups } from "../catalog/catalog.ts";
import { silentProgress } from "../progress.ts";
import { manifestEntries, NodeRepository } from "../repository/repository.ts";
import type { Storage } from "../storage/storage.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { backup } from "./run.ts";

const hourMs = 3_600_000;
const signal = new AbortController().signal;
let directory: TemporaryDirectory;
let node: StandInNode;
let clock: ManualClock;
let storage: Storage;

beforeEach(async () => {
  directory = await temporaryDirectory();
  node = await StandInNode.in(directory.path);
  clock = new ManualClock(1000 * hourMs);
  storage = memoryStorage({ clock });
  await node.createTable("shop", "orders");
  await node.write({ keyspace: "shop", table: "orders", generation: 1 }, "first");
});
afterEach(() => directory[Symbol.asyncDispose]());

/** As in the help: the last part of the location is no host ID. */
const location = "s3://backups/prod/dc1/node1";
const path = { cluster: "prod", datacenter: "dc1", node: "node1" };
const cacheDir = (name: string) => join(directory.path, name);

function backUp(tag: string, cache = "cache", through = storage, at = location) {
  const request = requestOf("backup", { "storage-location": at, "snapshot-tag": tag, "cache-dir": cacheDir(cache) });
  const keys = openTestKeys();
  const dependencies = { storage: through, node: node.cassandra, keys, clock, log: quietLog, progress: silentProgress };
  return backup(request, { ...dependencies, signal });
}

function remove(tag: string, cache = "cache") {
  const flags = { "storage-location": location, name: tag, "cache-dir": cacheDir(cache) };
  return removeBackups(requestOf("remove-backup", flags), { storage, clock, log: quietLog, signal });
}

/** Objects that the manifests name and the store lacks. */
async function missing(): Promise<string[]> {
  const repository = new NodeRepository(storage, path, quietLog);
  const lost: string[] = [];
  for (const { name } of await repository.listBackups()) {
    for (const { objectKey } of manifestEntries(await repository.readManifest(name))) {
      if ((await storage.stat(repository.key(objectKey))) === undefined) lost.push(objectKey);
    }
  }
  return lost;
}

describe("during a backup", () => {
  it("a removal of the same node's backups is refused, though the location does not end in the host ID", async () => {
    await backUp("old");
    await clock.advance(hourMs);
    const removal = Promise.withResolvers<unknown>();
    node.afterSnapshot = async () => remove("old").then(removal.resolve, removal.resolve);
    await backUp("new");
    expect(await removal.promise).toMatchObject({ code: "busy", message: expect.stringContaining("backup, process") });
    expect(await missing()).toEqual([]);
    expect(await remove("old")).toMatchObject({ removed: [{ name: expect.stringContaining("old") }] });
  });

  it("another of the node is refused, to another location and with another cache directory", async () => {
    const other = Promise.withResolvers<unknown>();
    node.afterSnapshot = async () =>
      backUp("b", "cache2", storage, "s3://elsewhere").then(other.resolve, other.resolve);
    await backUp("a");
    expect(await other.promise).toMatchObject({ code: "busy" });
  });
});

describe("objects that vanish during a backup, by a removal on another machine", () => {
  const dataKeys = async () => (await toArray(storage.list("prod/dc1/node1/data/"))).map(({ key }) => key);

  it("are uploaded again before the manifest is written", async () => {
    await backUp("old");
    await clock.advance(hourMs);
    await node.write({ keyspace: "shop", table: "orders", generation: 2 }, "second");
    const [first, second, ...others] = await dataKeys();
    let vanished = false;
    const vanishing: Storage = {
      ...storage,
      put: async (key, source, options) => {
        const stored = await storage.put(key, source, options);
        if (!vanished) await storage.delete([first ?? "", second ?? ""], { signal });
        vanished = true;
        return stored;
      },
    };
    await backUp("new", "cache", vanishing);
    expect([vanished, others.length > 0, await missing()]).toEqual([true, true, []]);
  });

  it("fail the backup without a manifest where they vanish again and again", async () => {
    const losing: Storage = {
      ...storage,
      list: (prefix, options) => (prefix.includes("/data/") ? none() : storage.list(prefix, options)),
    };
    await expect(backUp("new", "cache", losing)).rejects.toMatchObject({
      code: "storage",
      message: expect.stringMatching(/^\d+ objects .* vanished/),
    });
    expect(await toArray(storage.list("prod/dc1/node1/manifests/"))).toEqual([]);
  });

  it("cost one listing more, of the prefix that was listed at the start", async () => {
    const listed: string[] = [];
    const counting: Storage = {
      ...storage,
      list: (prefix, options) => {
        if (prefix.includes("/data/")) listed.push(prefix);
        return storage.list(prefix, options);
      },
    };
    await backUp("new", "cache", counting);
    expect(listed).toEqual(["prod/dc1/node1/data/", "prod/dc1/node1/data/"]);
  });
});

async function* none() {}
