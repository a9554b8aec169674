/**
 * The tool and Esop's jar, each as a whole, on one real node. Esop can be told of no endpoint: both believe that they
 * speak to AWS, over TLS and through a proxy whose tunnels end at a store on this machine, which logs every request.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CassandraNode } from "../src/cassandra/cassandra.ts";
import { connectJmx } from "../src/jmx/connect.ts";
import { parseServiceUrl } from "../src/jmx/jmx.ts";
import { connectCql } from "../src/sandbox/sandbox.ts";
import { createSandbox } from "../src/sandbox/start.ts";
import { makeCertificates } from "../test/harness/certificates.ts";
import { prepareEsopJar } from "../test/harness/esop-jar-file.ts";
import { startStore } from "../test/harness/object-stores.ts";
import { temporaryDirectory } from "../test/harness/temporary-directory.ts";
import { type AwsTunnel, awsTunnel } from "./aws-tunnel.ts";
import { createKeyspace, type FillingNode, fillTable, tableDirectory } from "./fill-table.ts";
import { type Measurement, measure } from "./measure.ts";
import type { Row } from "./report.ts";

const region = "eu-central-1";
const aws = `s3.${region}.amazonaws.com`;
const esopJar = "Esop 3.0.1";
const trustPassword = "changeit";
const cacheDirectory = join(homedir(), ".cache", "esop");
const main = join(import.meta.dirname, "../dist/esop.js");

/** What a run asked of the store. */
export interface Requests {
  readonly name: string;
  /** Of the table. */
  readonly files: number;
  readonly counts: ReadonlyMap<string, number>;
}

export interface RealToolOptions {
  /** Where the store, the node and its data are. */
  readonly memory: string;
  readonly largeMib: number;
  /** SSTables of the table that has small ones; each is eight files. */
  readonly smallSSTables: number;
}

interface Bench {
  readonly tunnel: AwsTunnel;
  readonly accessLog: string;
  /** PEM of the authority that the store's certificate is of, and the same as Java wants it. */
  readonly authorityFile: string;
  readonly trustStore: string;
  readonly node: FillingNode;
  readonly hostId: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly rows: Row[];
  readonly requests: Requests[];
}

export async function measureRealTool(
  options: RealToolOptions,
): Promise<{ readonly rows: readonly Row[]; readonly requests: readonly Requests[] }> {
  await using place = await temporaryDirectory(options.memory);
  const directory = place.path;
  const accessLog = join(directory, "access.log");
  const tls = await makeCertificates(directory, [aws, `*.${aws}`]);
  const trustStore = join(directory, "trust.p12");
  const kept = ["-keystore", trustStore, "-storepass", trustPassword];
  await measure(["keytool", "-importcert", "-noprompt", "-alias", "store", "-file", tls.authorityFile, ...kept]);
  const store = await startStore("versitygw", { parent: options.memory, awsRegion: region, tls, accessLog });
  if ("reason" in store) throw new Error(store.reason);
  await using server = store;
  await using tunnel = await awsTunnel(server);
  const sandbox = await createSandbox({
    version: "5.0",
    directory: join(directory, "node"),
    cacheDirectory,
    environment: process.env,
    heapMiB: 1024,
  });
  try {
    await sandbox.start();
    const cql = await connectCql({ address: sandbox.address, port: sandbox.cqlPort });
    const connection = await connectJmx({ target: parseServiceUrl(sandbox.jmxServiceUrl) });
    const cassandra = new CassandraNode(connection, 600_000);
    const node = { sandbox, cql, connection, node: cassandra, directory };
    await createKeyspace(cql);
    await fillTable(node, { table: "small", rows: 10, rowBytes: 256, sstables: options.smallSSTables });
    const sstables = Math.ceil(options.largeMib / 128);
    await fillTable(node, { table: "large", rows: 2048, rowBytes: 64 * 1024, sstables });
    for (const bucket of ["ours", "jar"]) await mkdir(join(server.directory, bucket));
    const { hostId } = await cassandra.facts();
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = server.credentials;
    const keys = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SECRET_KEY: AWS_SECRET_ACCESS_KEY };
    const environment = { ...keys, AWS_REGION: region, ESOP_CACHE_DIR: join(directory, "records") };
    const way = { tunnel, accessLog, authorityFile: tls.authorityFile, trustStore };
    const bench: Bench = { ...way, node, hostId, environment, rows: [], requests: [] };
    for (const table of ["small", "large"]) await compare(bench, table);
    await cql.close();
    await cassandra.close();
    return bench;
  } finally {
    await sandbox.stop("KILL");
  }
}

/** A first backup, one of nothing new, and the download of a restore. */
async function compare(bench: Bench, table: string): Promise<void> {
  const files = (await readdir(await tableDirectory(bench.node.sandbox, table), { withFileTypes: true })).filter(
    (entry) => entry.isFile(),
  ).length;
  const [ours, jar] = [ourTool(bench, files), esop(bench, files)];
  const what = `--entities=bench.${table}`;
  for (const [name, tag] of [
    ["first backup", "first"],
    ["no-change backup", "same"],
  ] as const) {
    const parameters = ["backup", what, `--snapshot-tag=${table}-${tag}`];
    const measured = await ours(`${table}: ${name}`, ...parameters);
    const others = { [esopJar]: await jar(`${table}: ${name}`, ...parameters) };
    bench.rows.push({ name: `${table}: ${name}`, ours: measured, others });
  }
  const restore = ["restore", what, `--snapshot-tag=${table}-first`, "--restoration-strategy-type=IMPORT"];
  const download = [...restore, "--restoration-phase-type=download"];
  const name = `${table}: download`;
  const measured = await ours(name, ...download);
  bench.rows.push({ name, ours: measured, others: { [esopJar]: await jar(name, ...download) } });
}

type Program = (name: string, ...parameters: readonly string[]) => Promise<Measurement>;

function ourTool(bench: Bench, files: number): Program {
  const { tunnel, authorityFile, node, hostId, environment } = bench;
  const proxy = ["--use-proxy", "--proxy-host=127.0.0.1", `--proxy-port=${tunnel.port}`, "--proxy-protocol=HTTP"];
  const shared = [...proxy, `--ca-file=${authorityFile}`, jmxOf(bench)];
  const importPlace = `--import-source-dir=${join(node.directory, "import-ours")}`;
  return async (name, ...parameters) => {
    const place = parameters[0] === "restore" ? [importPlace] : [];
    const location = `--storage-location=s3://ours/sandbox/dc1/${hostId}`;
    const command = [process.execPath, main, ...parameters, location, ...shared, ...place, "--quiet"];
    return counted(bench, { name: `${name}, esop`, files }, () => measure(command, { environment }));
  };
}

function esop(bench: Bench, files: number): Program {
  const { tunnel, trustStore, node, hostId, environment } = bench;
  // Esop goes through the proxy of its options for some calls only, and through Java's own for all.
  const settings = [
    ...["-Dhttp.proxyHost=127.0.0.1", `-Dhttp.proxyPort=${tunnel.port}`],
    ...[`-Djavax.net.ssl.trustStore=${trustStore}`, `-Djavax.net.ssl.trustStorePassword=${trustPassword}`],
  ];
  const [dataDirectory = ""] = node.sandbox.dataDirectories;
  return async (name, ...parameters) => {
    const java = ["java", ...settings, "-jar", await prepareEsopJar(cacheDirectory)];
    const location = `--storage-location=s3://jar/sandbox/dc1/${hostId}`;
    const directories = [`--data-dir=${dataDirectory}`];
    const place =
      parameters[0] === "restore"
        ? [`--import-source-dir=${join(node.directory, "import-jar")}`, `--dd=${join(dataDirectory, "..")}`]
        : [];
    const command = [...java, ...parameters, location, jmxOf(bench), ...directories, ...place];
    return counted(bench, { name: `${name}, ${esopJar}`, files }, () => measure(command, { environment }));
  };
}

function jmxOf({ node }: Bench): string {
  return `--jmx-service=127.0.0.1:${node.sandbox.jmxPort}`;
}

async function counted(
  bench: Bench,
  of: Omit<Requests, "counts">,
  work: () => Promise<Measurement>,
): Promise<Measurement> {
  const before = (await readLog(bench)).length;
  const measured = await work();
  const counts = new Map<string, number>();
  // bucket owner, bucket, [time], address, requester, request, then what was asked for
  for (const [, kind = ""] of (await readLog(bench))
    .slice(before)
    .matchAll(/^\S+ \S+ \[[^\]]*\] \S+ \S+ \S+ s3_(\S+) /gm)) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  bench.requests.push({ ...of, counts });
  return measured;
}

function readLog({ accessLog }: Bench): Promise<string> {
  return readFile(accessLog, "utf8").catch(() => "");
}

/** A line for each run: all requests, how many for each file of the table, and what they were. */
export function reportRequests(requests: readonly Requests[]): string {
  const lines = requests.map(({ name, files, counts }) => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
    return `${name}: ${total} requests, ${(total / files).toFixed(3)} for each of ${files} files: ${kinds}\n`;
  });
  return lines.join("");
}
