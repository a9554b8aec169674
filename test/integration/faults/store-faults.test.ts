/**
 * Backups and restores between which and the store anything goes wrong, drawn from a seed a round, and then simply run
 * again. ESOP_SOAK_ROUNDS is the number of rounds, ESOP_SOAK_SEED the first of their seeds, to repeat one:
 *
 *   ESOP_SOAK_ROUNDS=1 ESOP_SOAK_SEED=17 vitest run --project integration test/integration/faults/store-faults
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorTable } from "../../../src/errors.ts";
import { manifestEntries, parseManifest } from "../../../src/repository/repository.ts";
import { type BulkTables, createBulkTables } from "../../harness/bulk-tables.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import type { EsopRun } from "../../harness/esop.ts";
import { type ObjectStore, startStore } from "../../harness/object-stores.ts";
import { filesBelow, Operator } from "../../harness/operator.ts";
import { patient } from "../../harness/patience.ts";
import { sampleBytes, seededRandom } from "../../harness/sample-bytes.ts";
import type { SeenRequest } from "../../harness/spoiling-proxy.ts";
import { type Place, sha256, TroubledStore } from "../../harness/troubled-store.ts";
import { drawTrouble, kindOf, type Scale, type Trouble } from "../../harness/troubles.ts";
import { usual } from "../traps/kinds.ts";

const { ESOP_SOAK_ROUNDS: roundsText = "26", ESOP_SOAK_SEED: seedText = "1" } = process.env;
const seeds = Array.from({ length: Number(roundsText) }, (_, index) => Number(seedText) + index);
/** How bodies are protected on their way depends on what kind of server the tool takes it for. */
const protocols = ["s3", "minio", "oracle"] as const;
/** Rounds are there to be many: the node itself takes only some of the backups back. */
const importedEvery = 25;
const minute = patient(60_000);
const mebibyte = 1024 * 1024;

/** What backups of a choice of tables come to when nothing disturbs them. */
interface Choice {
  readonly entities: string;
  /** SHA-256 by object key relative to the node. */
  readonly objects: ReadonlyMap<string, string>;
  readonly backup: Scale;
  readonly restore: Scale;
}

const server = await startStore("versitygw");
let node: CassandraNode;
let operator: Operator;
let tables: BulkTables;
let store: TroubledStore;
let downloads: string;
/** Without and with the table that is sent in parts. */
let choices: readonly [Choice, Choice];

describe.skipIf("reason" in server)(`a store that fails${"reason" in server ? `: ${server.reason}` : ""}`, () => {
  beforeAll(async () => {
    node = await useCassandra(usual);
    operator = await Operator.of(node, await node.temporaryDirectory());
    downloads = join(await node.temporaryDirectory(), "downloads");
    tables = await createBulkTables(node, operator, 60);
    await createLargeTable();
    store = await TroubledStore.of(server as ObjectStore, operator);
    choices = await measure();
  });

  afterAll(async () => {
    const told = [...ends].sort().map(([end, number]) => `${end} ${number} times`);
    process.stderr.write(`runs between faults, seeds ${seeds[0]} to ${seeds.at(-1)}: ${told.join(", ")}\n`);
    await store[Symbol.asyncDispose]();
    await (server as ObjectStore)[Symbol.asyncDispose]();
    await rm(join(operator.bucket, ".."), { recursive: true, force: true });
  });

  it.each(seeds)("round with seed %i", { timeout: 5 * minute }, async (seed) => {
    const random = seededRandom(seed);
    const isImported = seed % importedEvery === 0;
    const choice = choices[random() < 0.25 || isImported ? 1 : 0];
    const protocol = protocols[Math.floor(random() * protocols.length)] ?? "s3";
    const place = { protocol, bucket: `round-${seed}` };
    await disturbedBackup(seed, choice, place);
    if (random() < 0.4) await disturbedDownload(seed, choice, place);
    if (isImported) await disturbedImport(seed, choice, place);
    await store.forget(place.bucket);
  });

  // Rather long for every day.
  if (seeds.length >= 100)
    it("a socket on which nothing moves is given up after a minute", { timeout: 5 * minute }, givesUpDeadSockets);
});

async function givesUpDeadSockets(): Promise<void> {
  const [{ backup, entities, objects }] = choices;
  const events = [0.3, 0.6].map((part) => {
    return { direction: "up", at: Math.floor(part * backup.bytes.up), fault: { kind: "hang" } } as const;
  });
  const calm = { ...drawTrouble(0, 0, backup), spoil: () => undefined, weather: { events } };
  const place = { protocol: "s3", bucket: "given-up" };
  const end = await store.run(store.backup(place, "a", entities), calm, 3 * minute);
  expect(end.status, end.stdout + end.stderr).toBe(0);
  expect(await store.objects(place.bucket)).toEqual(objects);
}

async function createLargeTable(): Promise<void> {
  const name = `${tables.keyspace}.large`;
  const settings = "compression = {'enabled': false}";
  await node.cql.execute(`CREATE TABLE ${name} (k int, c int, v blob, PRIMARY KEY (k, c)) WITH ${settings}`);
  // One partition, and so one file, whatever the data directories are.
  for (let c = 0; c < 36; c += 1) {
    await node.cql.execute(`INSERT INTO ${name} (k, c, v) VALUES (1, ?, ?)`, [c, sampleBytes(mebibyte, c)]);
  }
  await operator.backup("flushed", "--entities", name);
  expect(Math.max(...(await operator.objects()).values())).toBeGreaterThan(32 * mebibyte);
}

async function digest(): Promise<string> {
  const { rows } = await node.cql.execute(`SELECT c, v FROM ${tables.keyspace}.large`, [], { fetchSize: 10 });
  return `${await tables.digest()} ${rows.map((row) => `${row.get("c")}=${sha256(row.get("v"))}`).join()}`;
}

async function measure(): Promise<readonly [Choice, Choice]> {
  const { keyspace, names } = tables;
  const small = await measureChoice("measured-0", names.map((name) => `${keyspace}.${name}`).join());
  return [small, await measureChoice("measured-1", keyspace)];
}

async function measureChoice(bucket: string, entities: string): Promise<Choice> {
  const place = { protocol: "s3", bucket };
  await store.forget(bucket);
  const backup = await store.succeed(store.backup(place, "a", entities));
  const restore = await store.succeed(store.restore(place, "a", entities, ...downloadOnly()));
  await rm(downloads, { recursive: true });
  return { entities, objects: await store.objects(bucket), backup: backup.scale, restore: restore.scale };
}

const downloadOnly = () => ["--import-source-dir", downloads, "--restoration-phase-type", "download"];
/** Who is killed is killed again. */
const turnsOf = (seed: number) => (kindOf(seed) === "kill" ? [0, 1, 2] : [0]);

async function disturbedBackup(seed: number, choice: Choice, place: Place): Promise<void> {
  const { objects, entities } = choice;
  const { bucket } = place;
  const [anyKey = ""] = objects.keys();
  if (kindOf(seed) === "listings") await store.addFillers(bucket, anyKey.split("/").slice(0, 3).join("/"));
  for (const turn of turnsOf(seed)) {
    const trouble = drawTrouble(seed, turn, choice.backup);
    expectOrderlyEnd(await store.run(store.backup(place, `disturbed-${turn}`, entities), trouble), trouble);
  }
  const complete = await store.objects(bucket);
  for (const [key, hash] of complete) expect(hash, key).toBe(objects.get(key));
  const missing = [...objects.keys()].filter((key) => !complete.has(key));

  const second = await store.succeed(store.backup(place, "again", entities));
  expect(second.json).toMatchObject({ kept: { files: complete.size }, sent: { files: missing.length } });
  // Where every part of an object was there already, only its upload had to be completed.
  const sent = second.requests.filter(({ method, url }) => /^(PUT|POST)$/.test(method) && url.includes("/data/"));
  expect([...new Set(sent.map(keyOf))].sort()).toEqual(missing.sort());
  expect(await store.objects(bucket)).toEqual(objects);
  await expectManifests(bucket, objects);
  expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
  await expectFinishedUploads(bucket, missing);
}

const keyOf = ({ url }: SeenRequest) => decodeURIComponent(url.replace(/^.*?\/(?=data\/)|\?.*$/g, ""));

async function expectManifests(bucket: string, objects: Choice["objects"]): Promise<void> {
  const manifests = await store.manifests(bucket);
  expect(manifests.size).toBeGreaterThan(0);
  for (const [name, text] of manifests) {
    const entries = [...manifestEntries(parseManifest(text, name))];
    expect(new Map(entries.map(({ objectKey, hash }) => [objectKey, String(hash)]))).toEqual(objects);
  }
}

/** An upload in parts that was cut is gone on with; where its object got there all the same, nobody looks for it soon. */
async function expectFinishedUploads(bucket: string, missing: readonly string[]): Promise<void> {
  const left = await store.unfinishedUploads(bucket);
  if (missing.some((key) => /\/large-.*-Data\.db$/.test(key))) expect(left).toBe(0);
  else if (left > 0) count("uploads left for a later run to throw away:");
}

/** A failure that an operator can make something of, and no other than the trouble explains. */
function expectOrderlyEnd(end: EsopRun, { kind, signal, mayEnd }: Trouble): void {
  const said = end.stdout + end.stderr;
  count(`${kind}: ${end.signal ?? String(end.json["code"] ?? "success")}`);
  expect(said).not.toMatch(/\n\s+at .*:\d+:\d+/);
  // A signal may come before the program listens to it, and anything may come after its work is done.
  if (end.status === 0 || (signal !== undefined && end.signal === signal.name)) return;
  if (signal !== undefined) expect(end.status, said).toBe(signal.name === "SIGINT" ? 130 : 143);
  else {
    const code = mayEnd.find((allowed) => allowed === end.json["code"]);
    expect(code, said).toBeDefined();
    expect(end.status).toBe(code === undefined ? undefined : errorTable[code].exit);
  }
  expect(end.json, said).toMatchObject({ type: "error", message: expect.stringMatching(/^[^\n]+[^.\n]$/) });
}

async function disturbedDownload(seed: number, choice: Choice, place: Place): Promise<void> {
  const command = store.restore(place, "again", choice.entities, ...downloadOnly());
  for (const turn of turnsOf(seed)) {
    const trouble = drawTrouble(seed, 10 + turn, choice.restore);
    expectOrderlyEnd(await store.run(command, trouble), trouble);
  }
  const expected = filesOf(choice.objects);
  const complete = await downloaded();
  for (const [file, hash] of complete) expect(hash, file).toBe(expected.get(file));
  const second = await store.succeed(command);
  expect(second.json).toMatchObject({ reused: { files: complete.size } });
  expect(second.json).toMatchObject({ fetched: { files: expected.size - complete.size } });
  const fetched = second.requests.filter(({ url }) => url.includes("/data/")).map((request) => fileOf(keyOf(request)));
  expect(fetched.filter((file) => complete.has(file))).toEqual([]);
  expect(await downloaded()).toEqual(expected);
  await rm(downloads, { recursive: true });
}

/** `table-id/file` of an object key. */
const fileOf = (key: string) => key.replace(/^data\/[^/]+\/([^/]+)\/.*\//, "$1/");

function filesOf(objects: Choice["objects"]): Map<string, string> {
  return new Map([...objects].map(([key, hash]) => [fileOf(key), hash]));
}

async function downloaded(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, content] of await filesBelow(downloads)) {
    if (path.endsWith(".esop-part") || !path.includes("/files/")) continue;
    found.set(path.replace(/^.*\/files\/[^/]+\//, ""), sha256(content));
  }
  return found;
}

async function disturbedImport(seed: number, choice: Choice, place: Place): Promise<void> {
  const expected = await digest();
  await tables.disturb();
  await node.cql.execute(`TRUNCATE ${tables.keyspace}.large`);
  const command = store.restore(place, "again", choice.entities, "--restoration-strategy-type", "IMPORT");
  const trouble = drawTrouble(seed, 20, choice.restore);
  expectOrderlyEnd(await store.run(command, trouble), trouble);
  await store.succeed(command);
  expect(await digest()).toBe(expected);
  expect(await operator.restoreLeftovers()).toEqual([]);
  // Cassandra has named the files anew.
  choices = await measure();
}

/** How many disturbed runs ended in which way, for who runs many rounds. */
const ends = new Map<string, number>();

function count(end: string): void {
  ends.set(end, (ends.get(end) ?? 0) + 1);
}
