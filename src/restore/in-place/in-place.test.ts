/** Restoring a stopped node from a store, with real directories: everything but Cassandra itself. */
import { hash } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { body, lz4, mutation, mutationsIn, of, segment } from "../../../test/harness/commit-log.ts";
import { type FileTree, readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { openTestKeys } from "../../../test/harness/keys.ts";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { requestOf } from "../../../test/harness/request-of.ts";
import { sampleSchemaVersion } from "../../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../../test/harness/sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { silentProgress } from "../../progress.ts";
import { backupName, objectKey } from "../../repository/repository.ts";
import type { Storage } from "../../storage/storage.ts";
import { faultyStorage, memoryStorage } from "../../storage/testing/testing.ts";
import { restore } from "../run.ts";

const clock = new ManualClock();
const [tId, uId] = ["0978d800e67611f19a07dbe54d2f2ac2", "19a650a0e67611f19a07dbe54d2f2ac2"];
const [t, u] = [`ks/t-${tId}`, `ks/u-${uId}`];
let directory: TemporaryDirectory;
let storage: Storage;
let node: SampleNode;

/** What the backup holds of each table: file to content. */
const backedUp = {
  t: {
    "nb-1-big-Data.db": "restored t 1",
    "nb-1-big-TOC.txt": "restored toc",
    "nb-1-big-SAI+aa+GroupComplete.db": "",
    "nb-2-big-Data.db": "restored t 2",
    ".idx/nb-1-big-Data.db": "restored index",
  },
  u: { "nb-1-big-Data.db": "restored u 1", "nb-7-big-Data.db": "restored u 7" },
} as const;

const live: FileTree = {
  [`data/${t}/nb-1-big-Data.db`]: "former t 1",
  [`data/${t}/nb-9-big-Data.db`]: "former t 9",
  [`data/${t}/snapshots/s/nb-9-big-Data.db`]: "snapshot",
  [`data/${u}/nb-1-big-Data.db`]: "former u 1",
  "data/system/local-7ad54392bcdd35a684174e047860b377/nb-1-big-Data.db": "who the node is",
  "saved_caches/KeyCache.db": "keys",
  "hints/1.hints": "hints",
};

const logged = segment({ sections: [[mutation(body(of(tId))), mutation(body(of(uId)))]] });

beforeEach(async () => {
  directory = await temporaryDirectory();
  storage = memoryStorage({ clock });
  node = new SampleNode(storage);
  await backUp();
  for (const path of ["data", "commitlog", "hints", "saved_caches"]) await mkdir(join(directory.path, path));
  await writeTree(directory.path, live);
  await writeTree(directory.path, { "commitlog/CommitLog-7-1.log": logged });
});

afterEach(() => directory[Symbol.asyncDispose]());

async function backUp(): Promise<void> {
  const tables: Record<string, unknown> = {};
  for (const [table, files] of Object.entries(backedUp)) {
    const sstables: Record<string, unknown[]> = {};
    for (const [path, content] of Object.entries(files)) {
      const [file = "", index] = path.split("/").reverse();
      const [baseName = "", generation = ""] = /^nb-(\d+)-big/.exec(file) ?? [];
      const version = `${generation}-${content.length}`;
      const key = objectKey({ keyspace: "ks", table, tableId: table === "t" ? tId : uId, index, version, file });
      await node.put(key, content);
      const entry = { objectKey: key, type: "FILE", size: content.length, hash: hash("sha256", content) };
      sstables[baseName] = [...(sstables[baseName] ?? []), entry];
    }
    tables[table] = { sstables, id: table === "t" ? tId : uId };
  }
  const name = backupName("snap", sampleSchemaVersion, 1000);
  const snapshot = { name: name.text, keyspaces: { ks: { tables } } };
  const manifest = { snapshot, tokens: ["-5", "5"], schemaVersion: sampleSchemaVersion, size: 1 };
  await node.put(`manifests/${name.text}.json`, JSON.stringify(manifest));
}

type Flags = Readonly<Record<string, string | readonly string[]>>;

function run(flags: Flags = {}, from: Storage = storage, progress = silentProgress) {
  const request = requestOf("restore", {
    "storage-location": node.location,
    "snapshot-tag": "snap",
    "restoration-strategy-type": "IN_PLACE",
    "data-dir": join(directory.path, "data"),
    "cassandra-dir": directory.path,
    "config-directory": join(directory.path, "conf"),
    ...flags,
  });
  const signal = new AbortController().signal;
  const keys = openTestKeys();
  return restore(request, { storage: from, node: undefined, keys, clock, log: quietLog, progress, signal });
}

/** The files of the node, without what the restore keeps aside. */
async function nodeTree(): Promise<FileTree> {
  return Object.fromEntries(
    Object.entries(await readTree(directory.path)).filter(([path]) => !path.startsWith("esop-restore")),
  );
}

async function asideTree(): Promise<string[]> {
  const tree = await readTree(join(directory.path, "esop-restore"));
  return Object.entries(tree).flatMap(([path, content]) => (path.endsWith("journal.json") ? [] : [content]));
}

function below(directory: string, files: FileTree): FileTree {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`data/${directory}/${path}`, content]));
}

const failingFor = (part: string) =>
  faultyStorage(storage, [
    { method: "get", matches: (key) => key.includes(part), times: 100, fault: { kind: "before" } },
  ]);

describe("a legacy index that was created after the backup", () => {
  it("must be rebuilt after the start, and others not", async () => {
    await writeTree(directory.path, { [`data/${t}/.later/nb-1-big-Data.db`]: "index", [`data/${t}/.idx/x`]: "" });
    const { next } = await run();
    expect(next).toEqual([
      "start the node",
      "nodetool rebuild_index ks t later",
      expect.stringContaining("--restoration-phase-type cleanup"),
    ]);
    expect((await nodeTree())[`data/${t}/.later/nb-1-big-Data.db`]).toBeUndefined();
  });
});

describe("one table of a stopped node", () => {
  it("comes back as it was, and all else stays as it is", async () => {
    const report = await run({ entities: "ks.t" });
    expect(report).toMatchObject({ strategy: "IN_PLACE", tables: 1, fetched: { files: 5 }, reused: { files: 0 } });
    const tree = await nodeTree();
    const { [`data/${t}/nb-1-big-Data.db`]: former1, [`data/${t}/nb-9-big-Data.db`]: former9, ...others } = live;
    const { "saved_caches/KeyCache.db": caches, ...untouched } = others;
    const { "commitlog/CommitLog-7-1.log": log = "", ...files } = tree;
    expect(files).toEqual({ ...untouched, ...below(t, backedUp.t) });
    const left = mutationsIn(Buffer.from(log, "latin1")).map(({ table }) => table);
    expect(left[1]).toBe(uId);
    expect(left[0]).not.toBe(tId);
    expect((await asideTree()).sort()).toEqual([former1, former9, caches, logged.toString("latin1")].sort());
  });

  it("is what a dry run or the init phase only looks at", async () => {
    const before = await readTree(directory.path);
    expect(await run({ entities: "ks.t", "dry-run": "true" })).toMatchObject({ fetched: { files: 5 } });
    expect(await run({ entities: "ks.t", "restoration-phase-type": "init" })).toMatchObject({ fetched: { files: 5 } });
    expect(await readTree(directory.path)).toEqual(before);
  });

  it("is not read again where the node has its files already", async () => {
    await run({ entities: "ks.t" });
    const report = await run({ entities: "ks.t" }, failingFor("/data/"));
    expect(report).toMatchObject({ fetched: { files: 0 }, reused: { files: 5 } });
    expect(await nodeTree()).toMatchObject(below(t, backedUp.t));
    expect(await asideTree()).toEqual(expect.arrayContaining(["former t 1", "former t 9", "restored t 1"]));
  });

  it("whose unflushed writes cannot be told from others' is refused, with nothing touched", async () => {
    const mixed = segment({ sections: [[mutation(body(of(uId), of(tId)))]] });
    for (const bytes of [mixed, segment({ sections: [[Buffer.alloc(30, 3)]], parameters: lz4 })]) {
      await writeTree(directory.path, { "commitlog/CommitLog-7-1.log": bytes });
      const before = await readTree(directory.path);
      await expect(run({ entities: "ks.t" })).rejects.toMatchObject({
        code: "node-state",
        hint: expect.stringContaining("drain"),
      });
      expect(await readTree(directory.path)).toEqual(before);
    }
  });
});

describe("a restore that fails before the swap touches nothing of the node", () => {
  it.each([
    ["a store that fails", "storage", async () => failingFor("nb-2-big-Data.db")],
    [
      "a damaged object",
      "corrupt",
      async () =>
        faultyStorage(storage, [
          {
            method: "get",
            matches: (key) => key.endsWith("nb-2-big-Data.db"),
            times: 2,
            fault: { kind: "wrong-byte", at: 3 },
          },
        ]),
    ],
    [
      "a missing object",
      "corrupt",
      async () => {
        const [key] = (await node.dataKeys()).filter((each) => each.endsWith("nb-2-big-Data.db"));
        await storage.delete([node.repository.key(key ?? "")]);
        return storage;
      },
    ],
  ] as const)("%s", async (_, code, from) => {
    const before = await nodeTree();
    await expect(run({}, await from())).rejects.toMatchObject({ code });
    expect(await nodeTree()).toEqual(before);
  });
});

it("what came damaged once is fetched once more", async () => {
  const isOne = (key: string) => key.endsWith("nb-2-big-Data.db");
  const from = faultyStorage(storage, [{ method: "get", matches: isOne, fault: { kind: "wrong-byte", at: 3 } }]);
  const moved = { bytes: 0 };
  const report = await run({ entities: "ks.t" }, from, {
    ...silentProgress,
    add: (bytes) => {
      moved.bytes += bytes;
    },
  });
  from.assertAllHit();
  expect(report).toMatchObject({ fetched: { files: 5, bytes: moved.bytes } });
  expect(await nodeTree()).toMatchObject(below(t, backedUp.t));
});

describe("after a download that was cut short", () => {
  beforeEach(async () => {
    const oneByOne = { entities: "ks.u", "concurrent-connections": "1" };
    await expect(run(oneByOne, failingFor("nb-7-big-Data.db"))).rejects.toMatchObject({ code: "storage" });
  });

  it("the rest is fetched, and no more", async () => {
    expect(await run({ entities: "ks.u" }, failingFor("nb-1-big-Data.db"))).toMatchObject({
      fetched: { files: 1 },
      reused: { files: 1 },
    });
    expect(await nodeTree()).toMatchObject(below(u, backedUp.u));
  });

  it("nothing of it goes into the node with another table", async () => {
    await run({ entities: "ks.t" });
    const tree = await nodeTree();
    expect(tree[`data/${u}/nb-1-big-Data.db`]).toBe("former u 1");
    expect(tree).toMatchObject(below(t, backedUp.t));
    expect(Object.keys(tree).filter((path) => path.startsWith(`data/${u}`))).toHaveLength(1);
  });
});

it("a table that another of its name has replaced is restored under the id that the node knows", async () => {
  const newId = "2".repeat(32);
  await rename(join(directory.path, `data/${t}`), join(directory.path, `data/ks/t-${newId}`));
  await run({ entities: "ks.t" });
  const tree = await nodeTree();
  expect(tree).toMatchObject(below(`ks/t-${newId}`, backedUp.t));
  expect(Object.keys(tree).some((path) => path.includes(tId))).toBe(false);
});

it("all tables take hints aside too, and several data directories hold SSTables whole", async () => {
  await mkdir(join(directory.path, "data2"));
  await writeTree(directory.path, { [`data2/${u}/nb-7-big-Data.db`]: "former u 7" });
  await run({ "data-dir": [join(directory.path, "data"), join(directory.path, "data2")] });
  const tree = await nodeTree();
  expect(tree["hints/1.hints"]).toBeUndefined();
  // Where the node had an SSTable of that name, there it goes.
  expect(tree).toMatchObject({
    [`data2/${u}/nb-7-big-Data.db`]: "restored u 7",
    [`data/${u}/nb-1-big-Data.db`]: "restored u 1",
  });
  const contents = Object.values(tree);
  for (const content of [...Object.values(backedUp.t), ...Object.values(backedUp.u)]) {
    expect(contents.filter((each) => each === content)).toHaveLength(1);
  }
  expect(await asideTree()).toEqual(
    expect.arrayContaining(["hints", "former t 1", "former t 9", "former u 1", "former u 7"]),
  );
});

it("the configuration is edited last, and its original kept", async () => {
  await writeTree(directory.path, { "conf/cassandra.yaml": "cluster_name: c # mine\nnum_tokens: 16\n" });
  await run({ entities: "ks.t", "update-cassandra-yaml": "true" });
  const tree = await nodeTree();
  expect(tree["conf/cassandra.yaml"]).toContain('initial_token: "-5,5"');
  expect(tree["conf/cassandra.yaml"]).toContain("num_tokens: 2\n");
  expect(tree["conf/cassandra.yaml"]).toContain("cluster_name: c # mine");
  expect(await asideTree()).toContain("cluster_name: c # mine\nnum_tokens: 16\n");
});
