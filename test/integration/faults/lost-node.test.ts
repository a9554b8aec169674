/** Cassandra that is killed, or its JMX connection that breaks, at a known moment of a backup or a restore. */
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BulkTables, createBulkTables } from "../../harness/bulk-tables.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { canCutConnections, cutConnections } from "../../harness/disturbance.ts";
import { type EsopRun, esop, type RunningEsop } from "../../harness/esop.ts";
import { failureOf, Operator } from "../../harness/operator.ts";
import { usual } from "../traps/kinds.ts";

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

/** Stops the process as soon as the sign is seen, does `work`, and lets it go on. */
async function midway(
  command: readonly string[],
  sign: () => boolean,
  work: (child: RunningEsop) => Promise<void>,
): Promise<EsopRun> {
  let running: RunningEsop | undefined;
  let over = false;
  const end = esop([...command, "--json"], {
    onStart: (child) => {
      running = child;
    },
  }).finally(() => {
    over = true;
  });
  while (!over && !sign()) await new Promise((resolve) => setImmediate(resolve));
  running?.kill("SIGSTOP");
  if (over) throw new Error(`the run ended before it could be disturbed: ${JSON.stringify(await end)}`);
  try {
    if (running !== undefined) await work(running);
  } finally {
    running?.kill("SIGCONT");
  }
  return end;
}

/** The directory of the one restore that is under way, if it is there yet. */
function staging(): string | undefined {
  const parent = join(node.sandbox.dataDirectories[0] ?? "", "..", "esop-restore");
  const [name] = entriesOf(parent);
  return name === undefined ? undefined : join(parent, name);
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const downloading = () => staging() !== undefined;
/** The journal is written right before the truncate. */
const truncating = () => entriesOf(staging() ?? "").some((name) => name.endsWith("journal.json"));
/** Before the download an empty directory of that name is imported, to see whether the node finds it. */
const importing = () => truncating() && entriesOf(staging() ?? "").includes("import");

const importCommand = () =>
  operator.restoreCommand("base", "--entities", tables.keyspace, "--restoration-strategy-type", "IMPORT");

const slowBackup = () => operator.backupCommand("base", "--entities", tables.keyspace, "--bandwidth", "20MB/s");
const uploading = () => existsSync(operator.objectPath("data"));
const forgetBackups = () => rm(operator.bucket, { recursive: true, force: true });

describe("when the node is killed", () => {
  it("during the upload, the backup is complete all the same, and the next clears the snapshot", async () => {
    await forgetBackups();
    const run = await midway(slowBackup(), uploading, () => node.stop("KILL"));
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stderr).toContain("cannot clear snapshot esop-base");
    await node.start();
    expect(await operator.snapshots()).toContain("esop-base");
    expect(await operator.backup("next", "--entities", tables.keyspace)).toMatchObject({ sent: { files: 0 } });
    expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    await tables.disturb();
    await expectRestored();
  });

  it("during the download, the restore ends before it has touched a row, and works when it is run again", async () => {
    await tables.disturb();
    const disturbed = await tables.digest();
    const run = await midway(importCommand(), downloading, () => node.stop("KILL"));
    expect(failureOf("unreachable", run).hint).not.toBe("");
    await node.start();
    expect(await tables.digest()).toBe(disturbed);
    await expectRestored();
  });

  it.each([
    ["at the truncate", truncating],
    ["at the import", importing],
  ])("%s, the restore ends with an error, and fetches nothing again when it is run again", async (_, sign) => {
    await tables.disturb();
    failureOf("unreachable", await midway(importCommand(), sign, () => node.stop("KILL")));
    await node.start();
    expect(await expectRestored()).toMatchObject({ fetched: { files: 0 } });
  });
});

describe("when the JMX connection breaks", () => {
  beforeEach(async (context) => {
    if (!(await canCutConnections())) context.skip("the system cannot cut connections");
  });

  const cut = (child: RunningEsop) => cutConnections(child.pid ?? 0);

  it("during the upload, the backup is none the worse", async () => {
    await forgetBackups();
    const run = await midway(slowBackup(), uploading, cut);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
  });

  it("during the download, the restore is none the worse", async () => {
    await tables.disturb();
    const run = await midway(importCommand(), downloading, cut);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(await tables.digest()).toBe(expected);
  });

  it.each([
    ["at the truncate", truncating],
    ["at the import", importing],
  ])("%s, the restore ends well or with an error, and works when it is run again", async (_, sign) => {
    await tables.disturb();
    const run = await midway(importCommand(), sign, cut);
    // Whether a call was under way that moment decides.
    if (run.status !== 0) failureOf("unreachable", run);
    await tables.disturb();
    await expectRestored();
  });
});

async function expectRestored() {
  const report = await operator.restore("base", "--entities", tables.keyspace, "--restoration-strategy-type", "IMPORT");
  expect(await tables.digest()).toBe(expected);
  expect(await operator.restoreLeftovers()).toEqual([]);
  return report;
}
