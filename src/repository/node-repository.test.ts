import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, toArray } from "../../test/harness/sample-bytes.ts";
import { sampleKey, sampleManifest, sampleName } from "../../test/harness/sample-manifest.ts";
import type { Storage } from "../storage/storage.ts";
import { faultyStorage, memoryStorage } from "../storage/testing/testing.ts";
import { listNodes, NodeRepository } from "./node-repository.ts";
import { readTopologyFiles, removeTopology } from "./topology.ts";

const path = { cluster: "c", datacenter: "dc1", node: "n1" };
const signal = new AbortController().signal;
const esopManifest = readFileSync(new URL("../../test/fixtures/esop/manifest.json", import.meta.url));
const esopTopology = readFileSync(new URL("../../test/fixtures/esop/topology.json", import.meta.url));

let storage: Storage;
let repository: NodeRepository;
let warnings: string[];

beforeEach(() => {
  storage = memoryStorage({ clock: new ManualClock() });
  warnings = [];
  const log = { debug: () => undefined, info: () => undefined, warn: (text: string) => void warnings.push(text) };
  repository = new NodeRepository(storage, path, log);
});

const put = (key: string, bytes: Uint8Array | string) => storage.put(key, bytesSource(Buffer.from(bytes)));
const keys = async (prefix = "") => (await toArray(storage.list(prefix))).map(({ key }) => key).sort();

describe("listing", () => {
  it("shows the node's own backups, newest first, and passes over what is no manifest", async () => {
    const names = [sampleName("a", 1), sampleName("b", 3), sampleName("a", 2), sampleName("c", 3)];
    for (const name of names) await repository.writeManifest(name, sampleManifest(name, []));
    const other = new NodeRepository(storage, { ...path, node: "n10" }, { debug() {}, info() {}, warn() {} });
    await other.writeManifest(sampleName("x", 9), sampleManifest(sampleName("x", 9), []));
    await put("c/dc1/n1/manifests/readme.txt", "");
    await put(`c/dc1/n1/manifests/${sampleName("a", 4).text}.json.bak`, "");
    await put(`c/dc1/n1/manifests/below/${sampleName("a", 5).text}.json`, "");
    const listed = await repository.listBackups();
    expect(listed.map(({ name }) => `${name.tag}${name.createdMs}`)).toEqual(["b3", "c3", "a2", "a1"]);
    expect(listed.every(({ manifestBytes }) => manifestBytes > 100)).toBe(true);
    expect(warnings).toHaveLength(3);
  });

  it("of data gives keys relative to the node, below a prefix", async () => {
    await put(repository.key(sampleKey(1)), "one");
    await put(repository.key("data/ks2/x"), "");
    await put(repository.key("database/x"), "");
    expect((await toArray(repository.listData())).map(({ key }) => key).sort()).toEqual([sampleKey(1), "data/ks2/x"]);
    expect(await toArray(repository.listData("data/ks/"))).toMatchObject([{ key: sampleKey(1), sizeBytes: 3 }]);
  });

  it("of nodes gives those with a prefix, of all clusters or of one, and no topology files", async () => {
    for (const key of [
      "c/dc1/n1/manifests/x",
      "c/dc2/n2/data/y",
      "d/dc1/n3/data/z",
      "topology/x.json",
      "stray",
      "c/stray",
    ]) {
      await put(key, "");
    }
    const nodes = (await listNodes(storage, undefined)).map((node) => Object.values(node).join("/"));
    expect(nodes.sort()).toEqual(["c/dc1/n1", "c/dc2/n2", "d/dc1/n3"]);
    expect(await listNodes(storage, "d")).toEqual([{ cluster: "d", datacenter: "dc1", node: "n3" }]);
    expect(await listNodes(storage, "e")).toEqual([]);
  });
});

describe("manifests", () => {
  const name = sampleName("snap", 1000);
  const manifest = sampleManifest(name, [{ objectKey: sampleKey(1), type: "FILE", size: 3, hash: null }]);

  it("of ours come back as they were, and known for ours", async () => {
    await repository.writeManifest(name, manifest);
    const stored = await repository.readStoredManifest(name);
    expect(stored.manifest).toEqual(manifest);
    expect(stored.ours).toBe(true);
    expect(JSON.parse(stored.text ?? "")).toEqual(manifest);
  });

  it("of Esop are known for its own, however they are written", async () => {
    await put(repository.key(`manifests/${name.text}.json`), esopManifest);
    expect(await repository.readStoredManifest(name)).toMatchObject({ ours: false });
    await put(repository.key(`manifests/${name.text}.json`), JSON.stringify(JSON.parse(esopManifest.toString())));
    expect(await repository.readStoredManifest(name)).toMatchObject({ ours: false });
  });

  it("that are missing or damaged are told from a store that fails", async () => {
    await expect(repository.readManifest(name)).rejects.toMatchObject({ code: "not-found" });
    await put(repository.key(`manifests/${name.text}.json`), "{");
    await expect(repository.readManifest(name)).rejects.toMatchObject({ code: "corrupt" });
    await repository.writeManifest(name, manifest);
    const failing = faultyStorage(storage, [
      { method: "get", fault: { kind: "cut", after: 20 } },
      { method: "get", fault: { kind: "before" } },
    ]);
    const unreliable = new NodeRepository(failing, path, { debug() {}, info() {}, warn() {} });
    await expect(unreliable.readManifest(name)).rejects.toMatchObject({ code: "storage" });
    await expect(unreliable.readManifest(name)).rejects.toMatchObject({ code: "storage" });
    failing.assertAllHit();
  });
});

describe("a removal", () => {
  const name = sampleName("snap", 1000);
  const entry = { objectKey: sampleKey(1), type: "FILE", size: 3 } as const;

  it("takes the manifest away but keeps what it named until its end", async () => {
    const manifest = sampleManifest(name, [entry]);
    await repository.writeManifest(name, manifest);
    const { text } = await repository.readStoredManifest(name);
    await repository.beginRemoval(name, text);
    expect(await repository.listBackups()).toEqual([]);
    expect(await repository.listRemovals()).toMatchObject([{ name }]);
    expect(await repository.readRemoval(name)).toEqual(manifest);
    await repository.endRemoval(name);
    expect(await repository.readRemoval(name)).toBeUndefined();
    expect(await keys()).toEqual([]);
  });

  it("writes its record before the manifest goes", async () => {
    await repository.writeManifest(name, sampleManifest(name, [entry]));
    const failing = faultyStorage(storage, [{ method: "delete", fault: { kind: "before" } }]);
    const { text } = await repository.readStoredManifest(name);
    const broken = new NodeRepository(failing, path, { debug() {}, info() {}, warn() {} });
    await expect(broken.beginRemoval(name, text)).rejects.toMatchObject({ code: "storage" });
    expect(await keys()).toEqual([`c/dc1/n1/manifests/${name.text}.json`, `c/dc1/n1/removals/${name.text}.json`]);
  });

  it("of objects says when some could not be deleted, and deletes the others", async () => {
    await put(repository.key(sampleKey(1)), "");
    await put(repository.key(sampleKey(2)), "");
    const stubborn: Storage = {
      ...storage,
      delete: async (all) => {
        const failed = all.filter((key) => key.endsWith(sampleKey(1)));
        await storage.delete(all.filter((key) => !failed.includes(key)));
        return { failed: failed.map((key) => ({ key, error: new Error("locked") })) };
      },
    };
    const locked = new NodeRepository(stubborn, path, { debug() {}, info() {}, warn() {} });
    await expect(locked.deleteData([sampleKey(1), sampleKey(2)])).rejects.toThrow("locked");
    expect(await keys()).toEqual([repository.key(sampleKey(1))]);
  });
});

describe("topology files", () => {
  const write = (tag: string, createdMs: number, text: string | Uint8Array) =>
    put(`topology/${sampleName(tag, createdMs).text}.json`, text);

  it("of Esop are read, and those of the very tag only, newest first", async () => {
    await write("snap1", 1, esopTopology);
    const later = { ...JSON.parse(esopTopology.toString()), timestamp: 1795353135420 };
    await write("snap1", 2, JSON.stringify(later));
    await write("snap10", 3, esopTopology);
    const files = await readTopologyFiles(storage, "snap1", signal);
    expect(files.map(({ timestamp }) => timestamp)).toEqual([1795353135420, 1795353135419]);
    expect(files[0]?.topology).toMatchObject([{ nodeId: "9553292d-5df6-4ded-b44d-11bb29fa5404", dc: "dc1" }]);
    expect(await readTopologyFiles(storage, sampleName("snap10", 3).text, signal)).toHaveLength(1);
  });

  it("that are none are passed over", async () => {
    const topology = [{ hostname: "h", nodeId: "i" }];
    for (const [n, text] of ["", "{", "[]", "null", '{"topology":[],"timestamp":"x"}'].entries())
      await write("s", n, text);
    await write("s", 10, JSON.stringify({ timestamp: 1, topology }));
    for (const [n, nodeId] of ["..", "a/b", "", "\u001b[2J"].entries()) {
      const node = { hostname: "h", ipAddress: "127.0.0.1", nodeId };
      await write("s", 20 + n, JSON.stringify({ timestamp: 1, topology: [node] }));
    }
    await put("topology/s.json", esopTopology);
    expect(await readTopologyFiles(storage, "s", signal)).toEqual([]);
  });

  it("go by their full names", async () => {
    await repository.writeTopology(sampleName("s", 1), JSON.parse(esopTopology.toString()));
    await repository.writeTopology(sampleName("s", 2), JSON.parse(esopTopology.toString()));
    await removeTopology(storage, [sampleName("s", 1).text, sampleName("gone", 1).text], signal);
    expect(await keys("topology/")).toEqual([`topology/${sampleName("s", 2).text}.json`]);
  });
});

it("an aborted signal ends every call with the reason", async () => {
  const name = sampleName("a", 1);
  await repository.writeManifest(name, sampleManifest(name, []));
  const aborted = AbortSignal.abort();
  for (const call of [
    repository.listBackups(aborted),
    repository.readManifest(name, aborted),
    repository.beginRemoval(name, "{}", aborted),
    repository.deleteData([sampleKey(1)], aborted),
    toArray(repository.listData("manifests/", aborted)),
    listNodes(storage, undefined, aborted),
  ]) {
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
  }
  expect(await keys()).toEqual([`c/dc1/n1/manifests/${name.text}.json`]);
});
