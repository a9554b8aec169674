/**
 * `npm run bench`: what the tool costs beside Esop's jar and `cp`, on one real node, in one run. Prints a table of wall
 * time, processor time and peak memory, and the ratios that are promised. Figures are of this machine at this moment;
 * only ratios within one run mean anything. `--mib N` sets the amount of data (2048), `--no-jar` leaves Esop out.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CassandraNode } from "../src/cassandra/cassandra.ts";
import { connectJmx } from "../src/jmx/connect.ts";
import { parseServiceUrl } from "../src/jmx/jmx.ts";
import { type CqlSession, connectCql } from "../src/sandbox/sandbox.ts";
import { createSandbox, type Sandbox } from "../src/sandbox/start.ts";
import { prepareEsopJar } from "../test/harness/esop-jar-file.ts";
import { createKeyspace, fillTable, tableDirectory, writeRows } from "./fill-table.ts";
import { type Measurement, measure } from "./measure.ts";
import { type Row, report } from "./report.ts";
import { writeSyntheticBackups } from "./synthetic.ts";

const { values } = parseArgs({
  options: { mib: { type: "string", default: "2048" }, "no-jar": { type: "boolean", default: false } },
});
const root = join(import.meta.dirname, "..");
const main = join(root, "dist/esop.js");
const cacheDirectory = join(homedir(), ".cache", "esop");
const esopJar = "Esop 3.0.1";
const plainCopy = "cp -a, sync";
const longCallMs = 600_000;
const sstableMib = 128;
const sstables = Math.max(1, Math.round(Number(values.mib) / sstableMib));
const rowBytes = 64 * 1024;
const rowsPerSSTable = (sstableMib * 1024 * 1024) / rowBytes;

interface Bench {
  readonly directory: string;
  readonly sandbox: Sandbox;
  readonly hostId: string;
  readonly rows: Row[];
}

const ours = (...parameters: readonly string[]) => measure([process.execPath, main, ...parameters, "--quiet"]);

/** A copy with everything on the disk, as the simplest backup there is. */
async function copyAndSync(from: string, to: string): Promise<Measurement> {
  return measure(["sh", "-c", 'cp -a "$1" "$2" && sync', "sh", from, to]);
}

async function run(): Promise<void> {
  await measure([join(root, "node_modules/.bin/tsc"), "-p", join(root, "tsconfig.build.json")]);
  const directory = await mkdtemp(join(tmpdir(), "esop-bench-"));
  const sandbox = await createSandbox({
    version: "5.0",
    directory: join(directory, "node"),
    cacheDirectory,
    environment: process.env,
    log: (line) => process.stderr.write(`${line}\n`),
    heapMiB: 1024,
  });
  try {
    process.stderr.write(`filling a node with ${sstables * sstableMib} MiB in ${sstables} SSTables\n`);
    await sandbox.start();
    const cql = await connectCql({ address: sandbox.address, port: sandbox.cqlPort });
    const connection = await connectJmx({ target: parseServiceUrl(sandbox.jmxServiceUrl) });
    const node = new CassandraNode(connection, longCallMs);
    await createKeyspace(cql);
    const blobs = { table: "blobs", rows: rowsPerSSTable, rowBytes, sstables } as const;
    await fillTable({ sandbox, cql, connection, node, directory }, blobs);
    const { hostId } = await node.facts();
    const bench: Bench = { directory, sandbox, hostId, rows: [] };
    await startUp(bench);
    await backups(bench, cql, node);
    await restores(bench, cql, node);
    await listing(bench);
    await cql.close();
    await node.close();
    process.stdout.write(report(bench.rows));
  } finally {
    await sandbox.stop("KILL");
    await rm(directory, { recursive: true, force: true });
  }
}

function locationOf({ directory, hostId }: Bench, store: string): string {
  return `file://${join(directory, store)}/bucket/sandbox/dc1/${hostId}`;
}

async function startUp({ rows }: Bench): Promise<void> {
  await ours("--version");
  rows.push({ name: "--version", ours: await ours("--version"), others: { [esopJar]: await jar("--version") } });
}

async function jar(...parameters: readonly string[]): Promise<Measurement | undefined> {
  if (values["no-jar"]) return undefined;
  return measure(["java", "-jar", await prepareEsopJar(cacheDirectory), ...parameters]);
}

async function backups(bench: Bench, cql: CqlSession, node: CassandraNode): Promise<void> {
  const { directory, sandbox, rows } = bench;
  const service = `127.0.0.1:${sandbox.jmxPort}`;
  const live = await tableDirectory(sandbox, "blobs");
  const one = (tag: string) => ["--entities=bench", `--snapshot-tag=${tag}`, `--jmx-service=${service}`];
  const backup = (tag: string) =>
    ours("backup", "--create-missing-bucket", "--storage-location", locationOf(bench, "ours"), ...one(tag));
  const [dataDirectory = ""] = sandbox.dataDirectories;
  const backupWithJar = (tag: string) =>
    jar("backup", `--storage-location=${locationOf(bench, "jar")}`, `--data-dir=${dataDirectory}`, ...one(tag));

  await mkdir(join(directory, "ours"), { recursive: true });
  await mkdir(join(directory, "jar"), { recursive: true });
  await measure(["sync"]);
  const copied = await copyAndSync(live, join(directory, "copy"));
  await rm(join(directory, "copy"), { recursive: true });
  await measure(["sync"]);
  const first = await backup("first");
  const bytes = Number((await measure(["du", "-sb", live])).stdout.split("\t")[0]);
  if (bytes < Number(values.mib) * 0.9 * 1024 ** 2) throw new Error(`the node holds only ${bytes} bytes`);
  rows.push({
    name: "first backup",
    ours: first,
    others: { [esopJar]: await backupWithJar("first"), [plainCopy]: copied },
  });
  const snapshotMs = await snapshotTime(node);
  rows.push({
    name: "no-change backup",
    ours: await backup("same"),
    others: { [esopJar]: await backupWithJar("same") },
    snapshotMs,
  });
  await writeRows(cql, "blobs", { first: 1_000_000, count: Math.ceil((sstables * rowsPerSSTable) / 20), rowBytes });
  await node.flush("bench", ["blobs"]);
  await measure(["sync"]);
  rows.push({
    name: "incremental, 5 % new",
    ours: await backup("more"),
    others: { [esopJar]: await backupWithJar("more") },
  });
}

/** What Cassandra alone takes for a snapshot of the table, and to clear it. */
async function snapshotTime(node: CassandraNode): Promise<number> {
  const started = performance.now();
  await node.takeSnapshot("bench-snapshot", ["bench"]);
  await node.clearSnapshot("bench-snapshot");
  return performance.now() - started;
}

async function restores(bench: Bench, cql: CqlSession, node: CassandraNode): Promise<void> {
  const { directory, sandbox, rows } = bench;
  const service = [`--jmx-service=127.0.0.1:${sandbox.jmxPort}`];
  const what = ["--entities=bench", "--snapshot-tag=first"];
  const [dataDirectory = ""] = sandbox.dataDirectories;
  const stored = join(directory, "ours", "bucket", "sandbox", "dc1", bench.hostId, "data", "bench");
  await measure(["sync"]);
  const copied = await copyAndSync(stored, join(directory, "copy"));
  await rm(join(directory, "copy"), { recursive: true });
  await measure(["sync"]);
  const imported = await ours("restore", "--storage-location", locationOf(bench, "ours"), ...what, ...service);
  await expectRows(cql);
  const jarImport = await jarPhases(bench, what);
  rows.push({ name: "restore, IMPORT", ours: imported, others: { [esopJar]: jarImport, [plainCopy]: copied } });

  await cql.execute("TRUNCATE bench.blobs");
  await node.close();
  await cql.close();
  await sandbox.stop();
  await measure(["sync"]);
  const inPlace = await ours(
    ...["restore", "--storage-location", locationOf(bench, "ours"), ...what, ...service],
    ...["--config-directory", sandbox.configDirectory],
  );
  await rm(join(dataDirectory, "..", "esop-restore"), { recursive: true, force: true });
  await measure(["sync"]);
  const jarInPlace = await jar(
    ...["restore", `--storage-location=${locationOf(bench, "jar")}`, ...what, "--restoration-strategy-type=IN_PLACE"],
    ...[`--data-dir=${dataDirectory}`, `--dd=${join(dataDirectory, "..")}`, `--cd=${sandbox.configDirectory}`],
  );
  rows.push({ name: "restore, IN_PLACE", ours: inPlace, others: { [esopJar]: jarInPlace, [plainCopy]: copied } });
}

/** Esop wants a command for each phase; their times and processor times add up. */
async function jarPhases(bench: Bench, what: readonly string[]): Promise<Measurement | undefined> {
  const { directory, sandbox } = bench;
  const [dataDirectory = ""] = sandbox.dataDirectories;
  const total = { wallMs: 0, cpuMs: 0, peakBytes: 0, stdout: "" };
  for (const phase of ["download", "truncate", "import", "cleanup"]) {
    const part = await jar(
      ...["restore", `--storage-location=${locationOf(bench, "jar")}`, ...what, "--restoration-strategy-type=IMPORT"],
      ...[`--restoration-phase-type=${phase}`, `--import-source-dir=${join(directory, "jar-import")}`],
      ...[`--data-dir=${dataDirectory}`, `--dd=${join(dataDirectory, "..")}`, `--cd=${sandbox.configDirectory}`],
      `--jmx-service=127.0.0.1:${sandbox.jmxPort}`,
    );
    if (part === undefined) return undefined;
    total.wallMs += part.wallMs;
    total.cpuMs += part.cpuMs;
    total.peakBytes = Math.max(total.peakBytes, part.peakBytes);
  }
  return total;
}

async function expectRows(cql: CqlSession): Promise<void> {
  const { rows } = await cql.execute("SELECT count(*) FROM bench.blobs");
  const count = Number(rows[0]?.["count"]);
  if (count !== rowsPerSSTable) throw new Error(`${count} rows came back, ${rowsPerSSTable} were there`);
}

async function listing({ directory, rows }: Bench): Promise<void> {
  for (const files of [5000, 20_000]) {
    const location = await writeSyntheticBackups(join(directory, `list-${files}`), 30, files);
    const list = await ours("list", "--storage-location", location);
    // Esop's listing grows with the square: the larger one would take a quarter of an hour.
    const listWithJar = files > 5000 ? undefined : await jar("list", `--storage-location=${location}`);
    rows.push({ name: `list, 30 backups x ${files} files`, ours: list, others: { [esopJar]: listWithJar } });
  }
  const small = await writeSyntheticBackups(join(directory, "list-small"), 3, 80);
  rows.push({ name: "list, 3 backups x 80 files", ours: await ours("list", "--storage-location", small) });
}

await run();
