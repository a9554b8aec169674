import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { bytesSource } from "../../test/harness/sample-bytes.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { parseStorageLocation } from "../request/request.ts";
import { openStorage } from "../storage/storage.ts";
import { listBackups } from "./list.ts";

const signal = new AbortController().signal;
let directory: string;
let place: string;
let host: string;

function open(location: string) {
  const { protocol, root, bucket } = parseStorageLocation(location);
  const at = { protocol, bucket, ...(root === undefined ? {} : { root }) };
  const retry = { intervalMs: 1, strategy: "linear", maxAttempts: 1 } as const;
  const settings = { environment: {} };
  return openStorage(at, {
    clock: new ManualClock(),
    log: quietLog,
    random: Math.random,
    readOnly: false,
    retry,
    settings,
  });
}

async function list(location: string) {
  const storage = await open(location);
  return listBackups(requestOf("list", { "storage-location": location }), { storage, log: quietLog, signal });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "esop-levels-"));
  // /tmp/esop-levels-…/backups is the bucket: three segments, so that it can also be given alone.
  place = `file://${directory}/backups`;
  const storage = await open(place);
  await storage.createBucket();
  const node = new SampleNode(storage);
  host = node.repository.path.node;
  await node.backUp("a", 1000, [1]);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe("a location of the right level", () => {
  it("lists its backups", async () => {
    expect(await list(place)).toMatchObject([{ total: { backups: 1 } }]);
    expect(await list(`${place}/c/dc1/${host}`)).toMatchObject([{ total: { backups: 1 } }]);
  });
});

describe("a location of another level", () => {
  it.each([
    ["a bucket one level too high", () => `file://${directory}`],
    ["a node one level too high", () => `${place}/c/dc1`],
    ["a node one level too deep", () => `${place}/c/dc1/${host}/manifests`],
    ["a node two levels too deep", () => `${place}/c/dc1/${host}/data/ks`],
  ])("is told, with the right one: %s", async (_, location) => {
    await expect(list(location())).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("at another level"),
      hint: expect.stringContaining(`${place}/c/dc1/${host}`),
    });
  });

  it("names the nodes that are there where the node is no host ID", async () => {
    await expect(list(`${place}/c/dc1/node1`)).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringMatching(new RegExp(`'node1' is not a host ID.*${host}`)),
    });
  });

  it("passes over foreign directories beside the repository", async () => {
    await (await open(place)).put("lost/and/found/deep/x", bytesSource(Buffer.from("x")));
    expect(await list(place)).toHaveLength(1);
  });
});
