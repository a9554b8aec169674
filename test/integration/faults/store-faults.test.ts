/**
 * Backups and restores between which and the store anything goes wrong, drawn from a seed a round, and then simply run
 * again. ESOP_SOAK_ROUNDS is the number of rounds, ESOP_SOAK_SEED the first of their seeds, to repeat one:
 *
 *   ESOP_SOAK_ROUNDS=1 ESOP_SOAK_SEED=17 vitest run --project integration test/integration/faults/store-faults
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorTable } from "../../../src/errors.ts";
import { manifestEntries, parseManifest } from "../../../src/repository/repository.ts";
import { type BulkTables, createBulkTables } from "../../harness/bulk-tables.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { type EsopRun, esop } from "../../harness/esop.ts";
import { type FaultyLink, faultyLink } from "../../harness/faulty-link.ts";
import { type ObjectStore, startStore } from "../../harness/object-stores.ts";
import { filesBelow, Operator } from "../../harness/operator.ts";
import { sampleBytes, seededRandom } from "../../harness/sample-bytes.ts";
import { type SeenRequest, type SpoilingProxy, spoilingProxy } from "../../harness/spoiling-proxy.ts";
import { drawTrouble, kindOf, type Scale, type Trouble } from "../../harness/troubles.ts";
import { usual } from "../traps/kinds.ts";

const { ESOP_SOAK_ROUNDS: roundsText = "26", ESOP_SOAK_SEED: seedText = "1" } = process.env;
const seeds = Array.from({ length: Number(roundsText) }, (_, index) => Number(seedText) + index);
/** How bodies are protected on their way depends on what kind of server the tool takes it for. */
const protocols = ["s3", "minio", "oracle"] as const;
/** Rounds are there to be many: the node itself takes only some of the backups back. */
const importedEvery = 25;
const mebibyte = 1024 * 1024;
/** Nothing that is disturbed so little takes so long. */
const usualBoundMs = 60_000;

const store = await startStore("versitygw");

let node: CassandraNode;
let operator: Operator;
let tables: BulkTables;
let proxy: SpoilingProxy;
let link: FaultyLink;
let downloads: string;

/** What backups of a choice of tables come to when nothing disturbs them. */
interface Choice {
  readonly entities: string;
  /** By object key relative to the node. */
  readonly objects: ReadonlyMap<string, string>;
  readonly backup: Scale;
  readonly restore: Scale;
}

/** Without and with the table that is sent in parts. */
let choices: readonly [Choice, Choice];

describe.skipIf("reason" in store)(`a store that fails${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;

  beforeAll(async () => {
    node = await useCassandra(usual);
    operator = await Operator.of(node, await node.temporaryDirectory());
    downloads = join(await node.temporaryDirectory(), "downloads");
    tables = await createBulkTables(node, operator, 60);
    await createLargeTable();
    proxy = await spoilingProxy(server);
    link = await faultyLink({ port: Number(new URL(proxy.endpoint).port) });
    choices = await measure();
    const sizes = await filesBelow(join(bucketDirectory("measured-1"), "data"));
    expect(Math.max(...[...sizes.values()].map(({ length }) => length))).toBeGreaterThan(32 * mebibyte);
  });

  afterAll(async () => {
    const told = [...ends].sort().map(([end, number]) => `${end} ${number} times`);
    process.stderr.write(`runs between faults, seeds ${seeds[0]} to ${seeds.at(-1)}: ${told.join(", ")}\n`);
    await link[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(join(operator.bucket, ".."), { recursive: true, force: true });
  });

  /** Of versitygw: its objects are files. */
  const bucketDirectory = (bucket: string) => join(server.directory, bucket, "sandbox", "dc1", operator.hostId);

  async function createLargeTable(): Promise<void> {
    const name = `${tables.keyspace}.large`;
    const settings = "compression = {'enabled': false}";
    await node.cql.execute(`CREATE TABLE ${name} (k int, c int, v blob, PRIMARY KEY (k, c)) WITH ${settings}`);
    // One partition, and so one file, whatever the data directories are.
    for (let c = 0; c < 36; c += 1) {
      await node.cql.execute(`INSERT INTO ${name} (k, c, v) VALUES (1, ?, ?)`, [c, sampleBytes(mebibyte, c)]);
    }
    await operator.backup("flushed", "--entities", name);
  }

  async function digest(): Promise<string> {
    const { rows } = await node.cql.execute(`SELECT c, v FROM ${tables.keyspace}.large`, [], { fetchSize: 10 });
    const one = (value: Buffer) => createHash("sha1").update(value).digest("hex");
    return `${await tables.digest()} ${rows.map((row) => `${row.get("c")}=${one(row.get("v"))}`).join()}`;
  }

  interface StoreRun extends EsopRun {
    readonly requests: readonly SeenRequest[];
    readonly bytes: Scale["bytes"];
  }

  /** One run of the tool through what is between it and the store. */
  async function run(command: readonly string[], trouble?: Trouble, boundMs = usualBoundMs): Promise<StoreRun> {
    link.tell(trouble?.weather ?? {});
    proxy.forget();
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY } = server.credentials;
    const environment = {
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_KEY,
      AWS_ENDPOINT: link.endpoint,
      AWS_ENABLE_PATH_STYLE_ACCESS: "true",
    };
    let bound: NodeJS.Timeout | undefined;
    let hung = false;
    const result = await esop([...command, "--json", ...(trouble?.options ?? [])], {
      environment,
      onStart: (child) => {
        bound = setTimeout(() => {
          hung = true;
          child.kill("SIGKILL");
        }, boundMs);
        const { signal } = trouble ?? {};
        proxy.spoil((request) => {
          const number = proxy.seen.length - 1;
          if (number === signal?.atRequest) setTimeout(() => child.kill(signal.name), signal.afterMs);
          return trouble?.spoil(request, number);
        });
      },
    });
    clearTimeout(bound);
    expect(hung, `still running after ${boundMs} ms: ${result.stdout}${result.stderr}`).toBe(false);
    const [requests, bytes] = [[...proxy.seen], { ...link.bytes }];
    // What the tool has sent in full, the server may still be storing.
    link.tell({});
    await proxy.settled();
    return { ...result, requests, bytes };
  }

  async function succeeds(command: readonly string[]): Promise<StoreRun> {
    const result = await run(command);
    expect(result.status, result.stdout + result.stderr).toBe(0);
    return result;
  }

  const location = (protocol: string, bucket: string) => `${protocol}://${bucket}/sandbox/dc1/${operator.hostId}`;
  const backupCommand = (place: string, tag: string, entities: string) => {
    const command = operator.backupCommand(tag, "--storage-location", place, "--entities", entities);
    // A bucket that was not made through the server cannot be made again.
    return existsSync(join(server.directory, new URL(place).hostname))
      ? command.filter((parameter) => parameter !== "--create-missing-bucket")
      : command;
  };
  const restoreCommand = (place: string, tag: string, entities: string, ...more: readonly string[]) =>
    operator.restoreCommand(tag, "--storage-location", place, "--entities", entities, ...more);
  const downloadOnly = () => ["--import-source-dir", downloads, "--restoration-phase-type", "download"];

  async function measure(): Promise<readonly [Choice, Choice]> {
    const { keyspace, names } = tables;
    const small = await measureChoice("measured-0", names.map((name) => `${keyspace}.${name}`).join());
    return [small, await measureChoice("measured-1", keyspace)];
  }

  async function measureChoice(bucket: string, entities: string): Promise<Choice> {
    const place = location("s3", bucket);
    const scaleOf = async (command: readonly string[]) => {
      const { requests, bytes } = await succeeds(command);
      return { requests: requests.length, bytes };
    };
    await rm(join(server.directory, bucket), { recursive: true, force: true });
    const backup = await scaleOf(backupCommand(place, "a", entities));
    const restore = await scaleOf(restoreCommand(place, "a", entities, ...downloadOnly()));
    await rm(downloads, { recursive: true });
    return { entities, objects: await hashesBelow(bucketDirectory(bucket)), backup, restore };
  }

  /** What the bucket has of the node's data: SHA-256 by key relative to the node, fillers left out. */
  async function hashesBelow(directory: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const [path, content] of await filesBelow(join(directory, "data"))) {
      if (!path.includes("/filler-")) found.set(`data/${path}`, createHash("sha256").update(content).digest("hex"));
    }
    return found;
  }

  /** A failure that an operator can make something of, and no other than the trouble explains. */
  function expectOrderlyEnd(end: EsopRun, { kind, signal, mayEnd }: Trouble): void {
    const said = end.stdout + end.stderr;
    count(`${kind}: ${end.signal ?? String(end.json["code"] ?? "success")}`);
    expect(said).not.toMatch(/\n\s+at .*:\d+:\d+/);
    if (signal !== undefined) {
      // A signal may come before the program listens to it, and anything may come after its work is done.
      if (end.signal === signal.name || end.status === 0) return;
      expect(end.status, said).toBe(signal.name === "SIGINT" ? 130 : 143);
    } else if (end.status === 0) return;
    else {
      expect(mayEnd, said).toContain(end.json["code"]);
      const found = Object.entries(errorTable).find(([code]) => code === end.json["code"]);
      expect(end.status).toBe(found?.[1].exit);
    }
    expect(end.json, said).toMatchObject({ type: "error", message: expect.stringMatching(/^[^\n]+[^.\n]$/) });
  }

  /** More objects of the node's than one page of a listing has. */
  async function addFillers(directory: string, objects: ReadonlyMap<string, string>): Promise<void> {
    const [first = ""] = objects.keys();
    const table = join(directory, ...first.split("/").slice(0, 3), "0-0");
    await mkdir(table, { recursive: true });
    for (let number = 0; number < 1100; number += 1) await writeFile(join(table, `filler-${number}`), "");
  }

  const turnsOf = (seed: number) => (kindOf(seed) === "kill" ? 3 : 1);

  async function disturbedBackup(seed: number, choice: Choice, bucket: string, protocol: string): Promise<void> {
    const directory = bucketDirectory(bucket);
    const place = location(protocol, bucket);
    if (kindOf(seed) === "listings") await addFillers(directory, choice.objects);
    for (let turn = 0; turn < turnsOf(seed); turn += 1) {
      const trouble = drawTrouble(seed, turn, choice.backup);
      expectOrderlyEnd(await run(backupCommand(place, `disturbed-${turn}`, choice.entities), trouble), trouble);
    }
    const complete = await hashesBelow(directory);
    for (const [key, hash] of complete) expect(hash, key).toBe(choice.objects.get(key));
    const missing = [...choice.objects.keys()].filter((key) => !complete.has(key));

    const second = await succeeds(backupCommand(place, "again", choice.entities));
    expect(second.json).toMatchObject({ kept: { files: complete.size }, sent: { files: missing.length } });
    expect([...new Set(second.requests.filter(isDataPut).map(keyOf))].sort()).toEqual(missing.sort());
    expect(await hashesBelow(directory)).toEqual(choice.objects);
    await expectManifests(directory, choice);
    expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    await expectFinishedUploads(bucket, missing);
  }

  /** An upload in parts that was cut is gone on with; where its object got there all the same, nobody looks for it soon. */
  async function expectFinishedUploads(bucket: string, missing: readonly string[]): Promise<void> {
    const left = await readdir(join(server.directory, bucket, ".sgwtmp", "multipart")).catch(() => []);
    if (missing.some((key) => /\/large-.*-Data\.db$/.test(key))) expect(left).toEqual([]);
    else if (left.length > 0) count("uploads left for a later run to throw away:");
  }

  const isDataPut = ({ method, url }: SeenRequest) => method === "PUT" && url.includes("/data/");
  const isDataGet = ({ method, url }: SeenRequest) => method === "GET" && url.includes("/data/");
  const keyOf = ({ url }: SeenRequest) => decodeURIComponent(url.replace(/^.*?\/(?=data\/)|\?.*$/g, ""));

  async function expectManifests(directory: string, choice: Choice): Promise<void> {
    const manifests = await filesBelow(join(directory, "manifests"));
    expect(manifests.size).toBeGreaterThan(0);
    for (const [file, text] of manifests) {
      const entries = [...manifestEntries(parseManifest(text.toString(), file))];
      expect(new Map(entries.map(({ objectKey, hash }) => [objectKey, String(hash)]))).toEqual(choice.objects);
    }
  }

  async function disturbedDownload(seed: number, choice: Choice, place: string): Promise<void> {
    const command = restoreCommand(place, "again", choice.entities, ...downloadOnly());
    for (let turn = 0; turn < turnsOf(seed); turn += 1) {
      const trouble = drawTrouble(seed, 10 + turn, choice.restore);
      expectOrderlyEnd(await run(command, trouble), trouble);
    }
    const expected = filesOf(choice.objects);
    const complete = await downloaded();
    for (const [file, hash] of complete) expect(hash, file).toBe(expected.get(file));
    const second = await succeeds(command);
    expect(second.json).toMatchObject({ reused: { files: complete.size } });
    expect(second.json).toMatchObject({ fetched: { files: expected.size - complete.size } });
    const fetched = [...filesOf(new Map(second.requests.filter(isDataGet).map((get) => [keyOf(get), ""]))).keys()];
    expect(fetched.filter((file) => complete.has(file))).toEqual([]);
    expect(await downloaded()).toEqual(expected);
    await rm(downloads, { recursive: true });
  }

  /** `table-id/file` of each object. */
  function filesOf(objects: ReadonlyMap<string, string>): Map<string, string> {
    return new Map([...objects].map(([key, hash]) => [key.replace(/^data\/[^/]+\/([^/]+)\/.*\//, "$1/"), hash]));
  }

  async function downloaded(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const [path, content] of await filesBelow(downloads)) {
      if (path.endsWith(".esop-part") || !path.includes("/files/")) continue;
      found.set(path.replace(/^.*\/files\/[^/]+\//, ""), createHash("sha256").update(content).digest("hex"));
    }
    return found;
  }

  async function disturbedImport(seed: number, choice: Choice, place: string): Promise<void> {
    const expected = await digest();
    await tables.disturb();
    await node.cql.execute(`TRUNCATE ${tables.keyspace}.large`);
    const command = restoreCommand(place, "again", choice.entities, "--restoration-strategy-type", "IMPORT");
    const trouble = drawTrouble(seed, 20, choice.restore);
    expectOrderlyEnd(await run(command, trouble), trouble);
    await succeeds(command);
    expect(await digest()).toBe(expected);
    expect(await operator.restoreLeftovers()).toEqual([]);
    // Cassandra has named the files anew.
    choices = await measure();
  }

  it.each(seeds)("round with seed %i", { timeout: 5 * usualBoundMs }, async (seed) => {
    const random = seededRandom(seed);
    const imported = seed % importedEvery === 0;
    const choice = choices[random() < 0.25 || imported ? 1 : 0];
    const protocol = protocols[Math.floor(random() * protocols.length)] ?? "s3";
    const bucket = `round-${seed}`;
    await disturbedBackup(seed, choice, bucket, protocol);
    const place = location(protocol, bucket);
    if (random() < 0.4) await disturbedDownload(seed, choice, place);
    if (imported) await disturbedImport(seed, choice, place);
    await rm(join(server.directory, bucket), { recursive: true });
  });

  it.runIf(seeds.length >= 100)("a socket on which nothing moves is given up after a minute", async () => {
    const [choice] = choices;
    const hang = { kind: "hang" } as const;
    const events = [0.3, 0.6].map((part) => {
      return { direction: "up", at: Math.floor(part * choice.backup.bytes.up), fault: hang } as const;
    });
    const calm = { ...drawTrouble(0, 0, choice.backup), spoil: () => undefined, mayEnd: [] };
    const place = location("s3", "given-up");
    const end = await run(
      backupCommand(place, "a", choice.entities),
      { ...calm, weather: { events } },
      3 * usualBoundMs,
    );
    expect(end.status, end.stdout + end.stderr).toBe(0);
    expect(await hashesBelow(bucketDirectory("given-up"))).toEqual(choice.objects);
  });
});

/** How many disturbed runs ended in which way, for who runs many rounds. */
const ends = new Map<string, number>();

function count(end: string): void {
  ends.set(end, (ends.get(end) ?? 0) + 1);
}
