import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { toArray } from "../../test/harness/sample-bytes.ts";
import { quietLog } from "../../test/harness/sample-node.ts";
import { StandInNode } from "../../test/harness/stand-in-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { openKeys } from "../encryption/encryption.ts";
import { silentProgress } from "../progress.ts";
import { backupName, type Manifest, manifestFiles, NodeRepository } from "../repository/repository.ts";
import { fileStorage } from "../storage/file/file.ts";
import type { Storage } from "../storage/storage.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { bytesSource } from "../transfer/transfer.ts";
import { backup } from "./run.ts";

let directory: TemporaryDirectory;
let node: StandInNode;
let storage: Storage;
const clock = new ManualClock();

beforeEach(async () => {
  directory = await temporaryDirectory();
  storage = memoryStorage({ clock });
  node = await StandInNode.in(directory.path, 2);
  await node.createTable("ks", "t");
});

afterEach(() => directory[Symbol.asyncDispose]());

const at = (path: string) => join(directory.path, path);

async function run(given: Readonly<Record<string, string | readonly string[]>> = {}, store = storage) {
  const flags = { "storage-location": "s3://bucket", "cache-dir": at("cache"), ...given };
  return backup(requestOf("backup", flags), {
    storage: store,
    node: node.cassandra,
    keys: openKeys({ secret: undefined, clock, random: (size) => new Uint8Array(size) }),
    clock,
    log: quietLog,
    progress: silentProgress,
    signal: new AbortController().signal,
  });
}

function repository(store = storage): NodeRepository {
  return new NodeRepository(store, { cluster: "c", datacenter: "dc1", node: node.hostId }, quietLog);
}

async function newestManifest(): Promise<Manifest> {
  const [newest] = await repository().listBackups();
  if (newest === undefined) throw new Error("no backup");
  return repository().readManifest(newest.name);
}

/** The SSTables that the newest backup names of a keyspace, each once. */
async function sstablesOf(keyspace: string): Promise<string[]> {
  const names = new Set<string>();
  for (const { path, baseName } of manifestFiles(await newestManifest())) {
    if (path.keyspace === keyspace) names.add(`${path.table}/${path.index ?? ""}${baseName}`);
  }
  return [...names].sort();
}

const snapshotIn = (name: string, data = 0) => join(node.directoryOf("ks", "t", data), "snapshots", name);

/** The backup fails so, and has neither written a manifest nor left its snapshot. */
async function expectRefusal(error: Readonly<Record<string, unknown>>, given = {}): Promise<void> {
  await expect(run(given)).rejects.toMatchObject(error);
  expect(await repository().listBackups()).toEqual([]);
  expect(node.calls.filter((call) => call === "takeSnapshot")).toHaveLength(
    node.calls.filter((call) => call === "clearSnapshot").length,
  );
}

describe("a backup is complete", () => {
  it("with the SSTables of all data directories, legacy indexes and empty tables", async () => {
    await node.write({ keyspace: "ks", table: "t", generation: 1 }, "one");
    await node.write({ keyspace: "ks", table: "t", generation: 2, directory: 1 }, "two");
    await node.write({ keyspace: "ks", table: "t", generation: 1, index: ".i", directory: 1 }, "index");
    await node.createTable("ks", "empty");
    await run();
    expect(await sstablesOf("ks")).toEqual(["t/.inb-1-big", "t/nb-1-big", "t/nb-2-big"]);
    expect(Object.keys((await newestManifest()).snapshot.keyspaces["ks"]?.tables ?? {}).sort()).toEqual(["empty", "t"]);
  });

  it.each(["keyspace", "table"])("with a %s directory that is a symbolic link", async (kind) => {
    await node.write({ keyspace: "ks", table: "t", generation: 1 }, "one");
    await node.write({ keyspace: "ks", table: "t", generation: 2, directory: 1 }, "two");
    const live = node.directoryOf("ks", "t", 1);
    const linked = kind === "table" ? live : join(live, "..");
    await rename(linked, at("elsewhere"));
    await symlink(at("elsewhere"), linked);
    await run();
    expect(await sstablesOf("ks")).toEqual(["t/nb-1-big", "t/nb-2-big"]);
  });
});

describe("a backup fails where files of its snapshot are missing", () => {
  beforeEach(async () => {
    await node.write({ keyspace: "ks", table: "t", generation: 1 }, "one");
    await node.write({ keyspace: "ks", table: "t", generation: 2 }, "two");
    await node.write({ keyspace: "ks", table: "t", generation: 3, directory: 1 }, "three");
  });

  it.each([
    ["a whole SSTable", ["CompressionInfo.db", "Data.db", "Digest.crc32", "Filter.db", "Index.db", "Statistics.db"]],
    ["its Data component", ["Data.db"]],
    ["its bloom filter", ["Filter.db"]],
    ["its TOC", ["TOC.txt"]],
  ])("%s", async (_what, components) => {
    const all = components.length > 1 ? [...components, "Summary.db", "TOC.txt"] : components;
    node.afterSnapshot = async (name) => {
      for (const component of all) await rm(join(snapshotIn(name), `nb-2-big-${component}`));
    };
    await expectRefusal({
      code: components.length > 1 ? "not-found" : "corrupt",
      hint: expect.stringContaining("snapshots"),
    });
  });

  it("one data directory's part of the snapshot", async () => {
    node.afterSnapshot = (name) => rm(snapshotIn(name, 0), { recursive: true });
    await expectRefusal({
      code: "not-found",
      message: "the snapshot of ks.t lacks 2 of the 3 SSTables in its manifest.json, nb-1-big-Data.db first",
    });
  });

  it("Cassandra's manifest of the snapshot", async () => {
    node.afterSnapshot = (name) => rm(join(snapshotIn(name, 1), "manifest.json"));
    await expectRefusal({ code: "not-found", message: "the snapshot of ks.t has no manifest.json" });
  });

  it("the whole snapshot of a table", async () => {
    node.afterSnapshot = async (name) => {
      for (const data of [0, 1]) await rm(snapshotIn(name, data), { recursive: true, force: true });
    };
    await expectRefusal({ code: "not-found", message: expect.stringContaining("ks.t") });
  });

  it("a data directory, given by a path that the node does not see, with another one in its place", async () => {
    const strange = at("strange");
    await mkdir(join(strange, "ks", "t-0978d800e67611f19a07dbe54d2f2ac2"), { recursive: true });
    const [first = "", second = ""] = node.dataDirectories;
    node.seenAs = ["/in-the-container/0", "/in-the-container/1"];
    await expectRefusal({ code: "not-found" }, { "data-dir": [strange, second] });
    await run({ "data-dir": [first, second] });
    expect(await sstablesOf("ks")).toEqual(["t/nb-1-big", "t/nb-2-big", "t/nb-3-big"]);
  });
});

it("a damaged manifest does not stop the next backup, wherever the location ends", async () => {
  const name = backupName("damaged", node.schemaVersion, clock.now() + 1000);
  const location = { "storage-location": "s3://bucket/c/dc1/node1" };
  const place = new NodeRepository(storage, { cluster: "c", datacenter: "dc1", node: "node1" }, quietLog);
  await storage.put(place.key(`manifests/${name.text}.json`), bytesSource(Buffer.from("{")));
  await run(location);
  expect(await place.listBackups()).toHaveLength(2);
  node.tokens = ["3"];
  await expect(run(location)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("other tokens"),
  });
});

describe("the schema may change while a backup begins", () => {
  const once = (change: () => Promise<void>) => {
    let changed = false;
    return async () => {
      if (changed) return;
      changed = true;
      await change();
    };
  };
  const createTable = once(async () => {
    await node.createTable("new", "u");
    await node.write({ keyspace: "new", table: "u", generation: 1 }, "new rows");
  });

  it("a table that is created before the snapshot is in the backup, with the schema version of the snapshot", async () => {
    node.beforeSnapshot = createTable;
    await run();
    expect(await sstablesOf("new")).toEqual(["u/nb-1-big"]);
    const manifest = await newestManifest();
    expect(manifest.schemaVersion).toBe(node.schemaVersion);
    expect(manifest.snapshot.name).toContain(node.schemaVersion);
  });

  it("a table that is created right after the snapshot is in the next one", async () => {
    node.afterSnapshot = once(() => node.createTable("ks", "u").then(() => undefined));
    await run();
    const manifest = await newestManifest();
    expect(Object.keys(manifest.snapshot.keyspaces["ks"]?.tables ?? {}).sort()).toEqual(["t", "u"]);
    expect(manifest.schemaVersion).toBe(node.schemaVersion);
  });

  it("a table that is dropped before the snapshot is not missed", async () => {
    await node.createTable("ks", "u");
    node.beforeSnapshot = once(async () => node.dropTable("ks", "u"));
    await run();
    expect(Object.keys((await newestManifest()).snapshot.keyspaces["ks"]?.tables ?? {})).toEqual(["t"]);
  });

  it("a table that the backup is to be of, and that is dropped, fails it", async () => {
    await node.createTable("ks", "u");
    node.afterSnapshot = once(async () => node.dropTable("ks", "u"));
    await expectRefusal({ code: "not-found", message: expect.stringContaining("ks.u") }, { entities: "ks.u" });
  });

  it("a schema that keeps changing fails the backup", async () => {
    node.afterSnapshot = async () => void (await node.createTable("ks", `t${node.tables.length}`));
    await expectRefusal({ code: "node-state", message: "the schema changed during each of 5 snapshots" });
  });
});

describe("names that are too long are refused before the node or the store is touched", () => {
  const inDirectory = () => fileStorage({ root: at("store"), bucket: "bucket", clock });
  const refused = { code: "usage", hint: "give a shorter --snapshot-tag" };

  it.each([
    [200, 0],
    [199, 1],
  ])("a tag of %i bytes with files as objects: %i backups", async (bytes, backups) => {
    const store = inDirectory();
    await store.createBucket();
    const made = run({ "snapshot-tag": "é".repeat(1) + "x".repeat(bytes - 2) }, store);
    if (backups === 0) await expect(made).rejects.toMatchObject(refused);
    else await made;
    expect(await repository(store).listBackups()).toHaveLength(backups);
    expect(node.calls).toHaveLength(2 * backups);
  });

  it("a tag that is too long for the name of a snapshot", async () => {
    await expect(run({ "snapshot-tag": "x".repeat(251) })).rejects.toMatchObject(refused);
    await run({ "snapshot-tag": "x".repeat(250) });
  });

  it("a key that is longer than stores take, before the first file is sent", async () => {
    const name = "x".repeat(200);
    await node.createTable(name, name);
    await node.write({ keyspace: name, table: name, generation: 1 }, "rows");
    const location = `s3://bucket/${"c".repeat(230)}/${"d".repeat(230)}/${node.hostId}`;
    await run({ "storage-location": location });
    await node.write({ keyspace: name, table: name, generation: 1, index: `.${name}` }, "rows");
    const before = await toArray(storage.list(""));
    await expect(run({ "storage-location": location })).rejects.toMatchObject({ code: "usage" });
    expect(await toArray(storage.list(""))).toEqual(before);
  });
});

describe("two SSTables of one name in different data directories", () => {
  const write = async () => {
    await node.write({ keyspace: "ks", table: "t", generation: 4 }, "one");
    await node.write({ keyspace: "ks", table: "t", generation: 4, directory: 1 }, "another");
    await node.write({ keyspace: "ks", table: "t", generation: 1 }, "more");
  };

  it("are stored under distinct names, each with its own content", async () => {
    await write();
    await run();
    expect(await sstablesOf("ks")).toEqual(["t/nb-1-big", "t/nb-2-big", "t/nb-4-big"]);
    const contents = new Map<string, string>();
    for (const { entry, path } of manifestFiles(await newestManifest())) {
      const stored = Buffer.concat(await toArray(await storage.get(repository().key(entry.objectKey))));
      if (path.keyspace === "ks") contents.set(path.file, stored.toString());
    }
    expect(contents.get("nb-4-big-Data.db")).toBe("one");
    expect(contents.get("nb-2-big-Data.db")).toBe("another");
    expect(contents.get("nb-2-big-Statistics.db")).toBe("Statistics.db of another");
  });

  it("are not sent again by the next backup", async () => {
    await write();
    await run();
    await node.write({ keyspace: "ks", table: "t", generation: 5 }, "new");
    expect(await run({ "snapshot-tag": "next" })).toMatchObject({ sent: { files: 8 }, kept: { files: 24 } });
  });
});
