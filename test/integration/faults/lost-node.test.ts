/** Cassandra that is killed, or its JMX connection that breaks, at a known moment of a backup or a restore. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

function staging(): string {
  return join(node.sandbox.dataDirectories[0] ?? "", "..", "esop-restore");
}

/** The journal of a restore is written right before the truncate. */
function truncateIsNext(): boolean {
  const name = existsSync(staging()) ? readdirSync(staging())[0] : undefined;
  const journal = join(staging(), name ?? "", "journal.json");
  return name !== undefined && existsSync(journal) && readFileSync(journal, "utf8").includes("before");
}

const importCommand = () =>
  operator.restoreCommand("base", "--entities", tables.keyspace, "--restoration-strategy-type", "IMPORT");

/** The ways to lose the node, each with what brings it back. */
const losses = {
  "the node is killed": {
    lose: () => node.stop("KILL"),
    regain: () => node.start(),
    possible: async () => true,
  },
  "the JMX connection breaks": {
    lose: (child: RunningEsop) => cutConnections(child.pid ?? 0),
    regain: async () => undefined,
    possible: canCutConnections,
  },
} as const;

describe.each(Object.entries(losses))("when %s", (_, { lose, regain, possible }) => {
  it("during the upload, the backup is complete all the same, and the next clears the snapshot", async (context) => {
    if (!(await possible())) context.skip("the system cannot cut connections");
    await rm(operator.bucket, { recursive: true, force: true });
    const command = operator.backupCommand("base", "--entities", tables.keyspace, "--bandwidth", "20MB/s");
    const data = operator.objectPath("data");
    const run = await midway(command, () => existsSync(data), lose);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stderr).toContain("cannot clear snapshot esop-base");
    await regain();
    expect(await operator.snapshots()).toContain("esop-base");
    expect(await operator.backup("next", "--entities", tables.keyspace)).toMatchObject({ sent: { files: 0 } });
    expect((await operator.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    await tables.disturb();
    await operator.restore("base", "--entities", tables.keyspace);
    expect(await tables.digest()).toBe(expected);
  });

  it("during the download, the restore ends before it has touched a row, and works when it is run again", async (context) => {
    if (!(await possible())) context.skip("the system cannot cut connections");
    await tables.disturb();
    const disturbed = await tables.digest();
    const run = await midway(importCommand(), () => existsSync(staging()), lose);
    expect(failureOf("unreachable", run).hint).not.toBe("");
    await regain();
    expect(await tables.digest()).toBe(disturbed);
    await expectRestored();
  });

  it("at the truncate, the restore ends with an error, and works when it is run again", async (context) => {
    if (!(await possible())) context.skip("the system cannot cut connections");
    await tables.disturb();
    failureOf("unreachable", await midway(importCommand(), truncateIsNext, lose));
    await regain();
    const report = await expectRestored();
    expect(report).toMatchObject({ fetched: { files: 0 } });
  });

  it("during the import, the restore ends with an error, and works when it is run again", async (context) => {
    if (!(await possible())) context.skip("the system cannot cut connections");
    const importing = () => truncateIsNext() && existsSync(join(staging(), readdirSync(staging())[0] ?? "", "import"));
    failureOf("unreachable", await midway(importCommand(), importing, lose));
    await regain();
    expect(await expectRestored()).toMatchObject({ fetched: { files: 0 } });
  });
});

async function expectRestored() {
  const report = await operator.restore("base", "--entities", tables.keyspace, "--restoration-strategy-type", "IMPORT");
  expect(await tables.digest()).toBe(expected);
  expect(await operator.restoreLeftovers()).toEqual([]);
  return report;
}
