import { beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource } from "../../test/harness/sample-bytes.ts";
import { SampleNode } from "../../test/harness/sample-node.ts";
import { parseStorageLocation } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { checkLevel } from "./level.ts";

const signal = new AbortController().signal;
let storage: Storage;
let node: SampleNode;

beforeEach(async () => {
  storage = memoryStorage({ clock: new ManualClock() });
  node = new SampleNode(storage);
  const name = await node.backUp("a", 1000, [1]);
  // The same node, seen from a bucket that is one directory higher.
  await storage.put(`high/${node.repository.key(`manifests/${name.text}.json`)}`, bytesSource(Buffer.from("{}")));
});

function check(text: string, cluster?: string, datacenter = "dc1", host = node.repository.path.node) {
  const location = parseStorageLocation(text);
  const completed = cluster === undefined ? location.node : { cluster, datacenter, node: host };
  return checkLevel(location, completed, storage, signal);
}

it("says nothing of a repository at the level of the location", async () => {
  expect(await check(node.location)).toBeUndefined();
  expect(await check("file:///mnt/backups", "c")).toBeUndefined();
  expect(await check("file:///x/mnt/c/dc1/00000000-0000-4000-8000-000000000000")).toBeUndefined();
});

it("warns of a repository at another level, and names the right location", async () => {
  expect(await check("file:///mnt/high/c/dc1")).toMatchObject({
    warning: true,
    says: expect.stringContaining("at another level"),
    hint: `a node with backups is file:///mnt/high/c/dc1/${node.repository.path.node}`,
  });
});

it("warns of a node that is no host ID beside those that are", async () => {
  expect(await check("file:///mnt/b/c/dc1/node1")).toMatchObject({
    warning: true,
    says: expect.stringContaining("'node1' is not a host ID"),
    hint: expect.stringContaining(node.repository.path.node),
  });
  expect(await check("file:///mnt/b/c/dc2/node1")).toBeUndefined();
});
