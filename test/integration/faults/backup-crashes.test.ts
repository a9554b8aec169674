/** A backup of a real node whose store fails at one call, whichever that is: nothing torn is left, and the next run is whole. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BackupReport, backup } from "../../../src/backup/run.ts";
import { type CassandraNode as ConnectedNode, connectNode } from "../../../src/cassandra/cassandra.ts";
import { systemClock as clock } from "../../../src/clock.ts";
import { silentProgress as progress } from "../../../src/progress.ts";
import { NodeRepository } from "../../../src/repository/node-repository.ts";
import { manifestEntries } from "../../../src/repository/repository.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { type Fault, faultyStorage, memoryStorage, type PlannedFault } from "../../../src/storage/testing/testing.ts";
import { hashStream } from "../../../src/transfer/transfer.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { openTestKeys } from "../../harness/keys.ts";
import { createTable, fill, Operator } from "../../harness/operator.ts";
import { requestOf } from "../../harness/request-of.ts";
import { toArray } from "../../harness/sample-bytes.ts";
import { quietLog as log } from "../../harness/sample-node.ts";
import { usual } from "../traps/kinds.ts";

const signal = new AbortController().signal;

let node: CassandraNode;
let connected: ConnectedNode;
let operator: Operator;
let keyspace: string;
/** SHA-256 of what an undisturbed backup stores, by key relative to the node. */
let expected: ReadonlyMap<string, string | undefined>;

beforeAll(async () => {
  node = await useCassandra(usual);
  operator = await Operator.of(node, await node.temporaryDirectory());
  keyspace = await node.keyspace();
  for (const table of ["one", "two"]) await fill(node.cql, await createTable(node, keyspace, table, 20), 20, 40);
  connected = await connectNode(request("first").jmx, { longCallTimeoutMs: 60_000, signal });
  const storage = memoryStorage({ clock });
  await run(storage, "first");
  expected = await storedHashes(storage);
  expect(expected.size).toBeGreaterThan(15);
});

afterAll(async () => {
  await connected.close();
  await rm(join(operator.bucket, ".."), { recursive: true, force: true });
});

function request(tag: string) {
  return requestOf("backup", {
    "storage-location": `s3://bucket/sandbox/dc1/${operator.hostId}`,
    "jmx-service": `127.0.0.1:${node.sandbox.jmxPort}`,
    "snapshot-tag": tag,
    "cache-dir": join(operator.bucket, "..", "records"),
    // One call after the other, so that each number is one and the same call.
    "concurrent-connections": "1",
    "create-missing-bucket": "true",
    entities: keyspace,
  });
}

function run(storage: Storage, tag: string): Promise<BackupReport> {
  return backup(request(tag), { storage, node: connected, keys: openTestKeys(), clock, log, progress, signal });
}

const repositoryOf = (storage: Storage) =>
  new NodeRepository(storage, { cluster: "sandbox", datacenter: "dc1", node: operator.hostId }, log);

async function storedHashes(storage: Storage): Promise<Map<string, string | undefined>> {
  const repository = repositoryOf(storage);
  const hashes = new Map<string, string | undefined>();
  for (const { key } of await toArray(repository.listData())) {
    hashes.set(key, await hashStream(await storage.get(repository.key(key)), "SHA-256", { signal }));
  }
  return hashes;
}

/** Objects are whole, and a manifest, where there is one, names all of them. */
async function expectWhole(storage: Storage): Promise<number> {
  const stored = await storedHashes(storage);
  for (const [key, hash] of stored) expect(hash, key).toBe(expected.get(key));
  const repository = repositoryOf(storage);
  for (const { name } of await repository.listBackups()) {
    const named = [...manifestEntries(await repository.readManifest(name))];
    expect(new Map(named.map(({ objectKey, hash }) => [objectKey, hash]))).toEqual(expected);
    expect(stored).toEqual(expected);
  }
  return stored.size;
}

describe("a store that fails at any call of a backup", () => {
  const faults: readonly Fault[] = [{ kind: "before" }, { kind: "after" }, { kind: "cut", after: 1 }];
  const methods = ["bucketExists", "createBucket", "list", "put"] as const;
  const cases = methods.flatMap((method) => faults.map((fault) => ({ method, kind: fault.kind, fault })));

  it.each(cases)("$kind $method", async ({ method, fault }) => {
    let struck = 0;
    for (let skip = 0; await crashed({ method, skip, fault }); skip += 1) struck += 1;
    // A cut is one of a stream or a list of rows; other calls it does not touch.
    const isCut = fault.kind === "cut";
    expect(struck > 0 || (isCut && method !== "put")).toBe(true);
    if (method === "put") expect(struck).toBe(expected.size + 1);
  });
});

/** One backup that is struck and one that is not, into a new store; false where the fault was never met. */
async function crashed(plan: PlannedFault): Promise<boolean> {
  const storage = memoryStorage({ clock });
  const failing = faultyStorage(storage, [plan]);
  const failure = await run(failing, "struck").then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure === undefined) return false;
  failing.assertAllHit();
  expect(failure).toMatchObject({ code: "storage", message: "injected fault" });
  const complete = await expectWhole(storage);
  const report = await run(storage, "next");
  expect(report).toMatchObject({ kept: { files: complete }, sent: { files: expected.size - complete } });
  expect(await expectWhole(storage)).toBe(expected.size);
  expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
  return true;
}
