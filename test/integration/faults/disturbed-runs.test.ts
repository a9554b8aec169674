/**
 * Backups and restores that are killed, interrupted or cut off from the node at any moment, and then simply run again.
 * ESOP_SOAK_ROUNDS is the number of rounds of all tests together, ESOP_SOAK_SEED repeats those of a failure:
 *
 *   ESOP_SOAK_ROUNDS=100 vitest run --project integration test/integration/faults/disturbed-runs
 */
import { createHash, randomInt } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manifestEntries, parseManifest } from "../../../src/repository/repository.ts";
import { type BulkTables, createBulkTables } from "../../harness/bulk-tables.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { canCutConnections, cutConnections, planRounds, type Round, signals } from "../../harness/disturbance.ts";
import { type EsopRun, esop, type RunningEsop } from "../../harness/esop.ts";
import { createTable, filesBelow, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { usual } from "../traps/kinds.ts";

const { ESOP_SOAK_ROUNDS: roundsText = "16", ESOP_SOAK_SEED: seedText } = process.env;
const seed = seedText === undefined ? randomInt(1_000_000) : Number(seedText);
/** Of each of the four tests. */
const rounds = Math.max(1, Math.ceil(Number(roundsText) / 4));

let node: CassandraNode;
let operator: Operator;
let tables: BulkTables;
let expected: string;

beforeAll(async () => {
  node = await useCassandra(usual);
  operator = await Operator.of(node, await node.temporaryDirectory());
  tables = await createBulkTables(node, operator, 60);
  expected = await tables.digest();
});

afterAll(() => rm(join(operator.bucket, ".."), { recursive: true, force: true }));

interface Timed extends EsopRun {
  readonly durationMs: number;
}

/** Runs a command, disturbed or not, to its end. */
async function timed(command: readonly string[], round?: Round, undisturbedMs = 0): Promise<Timed> {
  const begin = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let disturbed: Promise<void> | undefined;
  const result = await esop([...command, "--json"], {
    onStart: (child) => {
      if (round === undefined) return;
      timer = setTimeout(() => {
        if (round.disturbance !== "cut") child.kill(round.disturbance);
        else disturbed = cutConnections(child.pid ?? 0);
      }, round.moment * undisturbedMs);
    },
  });
  clearTimeout(timer);
  await disturbed?.catch(() => undefined);
  return { ...result, durationMs: performance.now() - begin };
}

/** How long the command takes when nothing disturbs it; it must succeed. */
async function undisturbed(command: readonly string[]): Promise<number> {
  const run = await timed(command);
  expect(run.status, run.stdout + run.stderr).toBe(0);
  return run.durationMs;
}

/** What a disturbed run may say of its end. */
function expectOrderlyEnd(run: EsopRun, round: Round): void {
  const { disturbance } = round;
  count(`${disturbance}: ${run.signal ?? `exit ${run.status}`}`);
  const said = run.stdout + run.stderr;
  // A signal may come before the program listens to it, and anything may come after its work is done.
  if (disturbance === "SIGKILL" || run.signal === disturbance) return;
  const allowed = { SIGTERM: [0, 143], SIGINT: [0, 130], cut: [0, 6] } as const;
  expect(allowed[disturbance], said).toContain(run.status);
  if (run.status !== 0)
    expect(run.json, said).toMatchObject({ type: "error", message: expect.stringMatching(/^[^\n]+[^.\n]$/) });
}

/** How many disturbed runs ended in which way, for who runs many rounds. */
const ends = new Map<string, number>();

function count(end: string): void {
  ends.set(end, (ends.get(end) ?? 0) + 1);
}

afterAll(() => {
  const told = [...ends].sort().map(([end, number]) => `${end} ${number} times`);
  process.stderr.write(`disturbed runs with seed ${seed}: ${told.join(", ")}\n`);
});

async function eachRound(salt: number, kinds: Parameters<typeof planRounds>[2], work: (round: Round) => Promise<void>) {
  for (const round of planRounds(seed + salt, rounds, kinds)) {
    try {
      await work(round);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${round.description} (ESOP_SOAK_SEED=${seed} ESOP_SOAK_ROUNDS=${roundsText}): ${message}`, {
        cause: error,
      });
    }
  }
}

async function online() {
  return (await canCutConnections()) ? ([...signals, "cut"] as const) : signals;
}

describe("a backup that is disturbed", () => {
  it("leaves only whole objects, and the next run sends the rest and nothing twice", async () => {
    const command = operator.backupCommand("again", "--entities", tables.keyspace);
    const wipe = () => rm(operator.bucket, { recursive: true, force: true });
    await operator.backup("settle", "--entities", tables.keyspace);
    await wipe();
    const durationMs = await undisturbed(command);
    const all = (await operator.objects()).size;
    await eachRound(1, await online(), async (round) => {
      await wipe();
      const first = await timed(command, round, durationMs);
      expectOrderlyEnd(first, round);
      const complete = (await operator.objects()).size;
      const second = await timed(command);
      expect(second.status, second.stdout + second.stderr).toBe(0);
      expect(second.json).toMatchObject({ kept: { files: complete }, sent: { files: all - complete } });
      await expectWholeStore(round.disturbance === "SIGKILL" || first.signal !== null);
      expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    });
    await tables.disturb();
    await operator.restore("again", "--entities", tables.keyspace);
    expect(await tables.digest()).toBe(expected);
  });
});

/** Every object is named by a manifest and is what that says; a killed put's temporary file stays until it is a day old. */
async function expectWholeStore(killed: boolean): Promise<void> {
  const directory = operator.objectPath("");
  const named = new Map<string, string>();
  for (const [file, text] of await filesBelow(join(directory, "manifests"))) {
    const manifest = parseManifest(text.toString(), file);
    for (const { objectKey, hash } of manifestEntries(manifest)) named.set(objectKey, String(hash));
  }
  const found = new Map<string, string>();
  for (const [key, content] of await filesBelow(join(directory, "data"))) {
    found.set(`data/${key}`, createHash("sha256").update(content).digest("hex"));
  }
  expect(found).toEqual(named);
  const temporary = [...(await filesBelow(join(operator.bucket, ".esop-tmp"))).keys()];
  if (!killed) expect(temporary).toEqual([]);
}

describe.each(["IMPORT", "HARDLINKS"] as const)("a restore with %s that is disturbed", (strategy) => {
  it("is finished by the next run, which fetches nothing twice and leaves nothing", async () => {
    const command = operator.restoreCommand(
      "again",
      "--entities",
      tables.keyspace,
      "--restoration-strategy-type",
      strategy,
    );
    const durationMs = await undisturbed(command);
    const all = (await operator.objects()).size;
    const snapshots = await operator.snapshots();
    await eachRound(strategy === "IMPORT" ? 2 : 3, await online(), async (round) => {
      await tables.disturb();
      expectOrderlyEnd(await timed(command, round, durationMs), round);
      const staged = await stagedLive();
      const second = await timed(command);
      expect(second.status, second.stdout + second.stderr).toBe(0);
      expect(second.json).toMatchObject({ reused: { files: staged }, fetched: { files: all - staged } });
      expect(await tables.digest()).toBe(expected);
      expect(await operator.restoreLeftovers()).toEqual([]);
      expect(await operator.snapshots()).toEqual(snapshots);
    });
    await node.restart("KILL");
    expect(await tables.digest()).toBe(expected);
  });
});

/** How many files of a running node's restore are downloaded and whole. The node may still be importing links to them. */
async function stagedLive(): Promise<number> {
  const staging = join(node.sandbox.dataDirectories[0] ?? "", "..", "esop-restore");
  let whole = 0;
  for (const backup of await readdir(staging).catch(() => [])) {
    const files = [...(await filesBelow(join(staging, backup, "files"))).keys()];
    whole += files.filter((path) => !path.endsWith(".esop-part")).length;
  }
  return whole;
}

describe("a restore IN_PLACE that is disturbed", () => {
  it("is finished by the next run, fetches nothing twice, and keeps what it replaced until it is cleaned up", async () => {
    const beside = await createTable(node, tables.keyspace, "beside", 20);
    await operator.backup("with-beside", "--entities", tables.keyspace);
    await fill(node.cql, beside, 20, 30, "unflushed");
    const besideRows = await rowsOf(node.cql, beside);
    const named = tables.names.map((name) => `${tables.keyspace}.${name}`).join();
    await tables.disturb();
    await operator.backup("flushed", "--entities", named);
    for (const name of tables.names) await node.cql.execute(`TRUNCATE ${tables.keyspace}.${name}`);
    await tables.disturb();
    await node.stop("KILL");

    const command = operator.restoreCommand(
      "with-beside",
      "--entities",
      named,
      "--restoration-strategy-type",
      "IN_PLACE",
    );
    const state = await savedState(node, tables.keyspace);
    const durationMs = await undisturbed(command);
    const result = await operator.liveFiles(tables.keyspace);
    const wanted = [...result.keys()].filter((path) => !path.includes("/beside-")).length;
    await eachRound(4, signals, async (round) => {
      await state.bringBack();
      // A swap is short: every other round waits for it.
      const first = await (round.number % 2 === 0 ? timed(command, round, durationMs) : killedInSwap(command, round));
      expectOrderlyEnd(first, round);
      const staged = (await stagedFiles(node)).size;
      const second = await timed(command);
      expect(second.status, second.stdout + second.stderr).toBe(0);
      // A swap that was under way is only finished.
      if (second.stderr.includes("finishing it")) count("swaps finished by the next run:");
      else if (staged > 0) {
        expect(second.json).toMatchObject({ reused: { files: staged }, fetched: { files: wanted - staged } });
      }
      expect(contentsOf(await operator.liveFiles(tables.keyspace))).toEqual(contentsOf(result));
      expect((await operator.restoreLeftovers()).filter((path) => path.endsWith(".esop-part"))).toEqual([]);
    });
    await node.start();
    expect(await tables.digest()).toBe(expected);
    expect(await rowsOf(node.cql, beside)).toEqual(besideRows);
    await operator.restore("with-beside", ...cleanup);
    expect(await operator.restoreLeftovers()).toEqual([]);
  });
});

const cleanup = ["--restoration-strategy-type", "IN_PLACE", "--restoration-phase-type", "cleanup"];

/** Which contents lie where the node reads them, whichever data directory that is. */
function contentsOf(files: ReadonlyMap<string, string>): readonly string[] {
  return [...files].map(([path, hash]) => `${path.replace(/^.*\/data\//, "")} ${hash}`).sort();
}

/** Disturbs the run a few milliseconds after its swap has begun. */
async function killedInSwap(command: readonly string[], round: Round): Promise<EsopRun> {
  let child: RunningEsop | undefined;
  let over = false;
  const end = esop([...command, "--json"], {
    onStart: (started) => {
      child = started;
    },
  }).finally(() => {
    over = true;
  });
  const places = node.sandbox.dataDirectories.map((directory) => join(directory, "..", "esop-restore"));
  const begun = () =>
    places.some((place) => entriesOf(place).some((name) => existsSync(join(place, name, "journal.json"))));
  while (!over && !begun()) await new Promise((resolve) => setImmediate(resolve));
  const killMs = performance.now() + 8 * round.moment;
  while (!over && performance.now() < killMs) await new Promise((resolve) => setImmediate(resolve));
  child?.kill(round.disturbance === "cut" ? "SIGKILL" : round.disturbance);
  return end;
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

async function stagedFiles({ sandbox }: CassandraNode): Promise<Set<string>> {
  const found = new Set<string>();
  for (const directory of sandbox.dataDirectories) {
    for (const path of (await filesBelow(join(directory, "..", "esop-restore"))).keys()) {
      if (/\/staged-\d+\/.*\/[^./][^/]*$/.test(path)) found.add(path);
    }
  }
  return found;
}

/** What a stopped node has of one keyspace, and its commit log, to be brought back as it was. */
async function savedState(node: CassandraNode, keyspace: string) {
  const { sandbox } = node;
  const copy = await node.temporaryDirectory();
  const places = [...sandbox.dataDirectories.map((directory) => join(directory, keyspace)), sandbox.commitLogDirectory];
  for (const [index, place] of places.entries()) await cp(place, join(copy, String(index)), { recursive: true });
  return {
    async bringBack() {
      for (const directory of sandbox.dataDirectories) {
        await rm(join(directory, "..", "esop-restore"), { recursive: true, force: true });
      }
      for (const [index, place] of places.entries()) {
        await rm(place, { recursive: true, force: true });
        await cp(join(copy, String(index)), place, { recursive: true });
      }
    },
  };
}
