/**
 * The real Esop (Java), for the tests of what both tools must understand of each other. What is fetched: one jar,
 * com.instaclustr:esop:3.0.1, 52 MB, from Maven's repositories, once into the cache directory.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { prepareCassandra } from "../../src/sandbox/sandbox.ts";
import { type CassandraNode, cacheDirectory } from "./cassandra.ts";

export interface EsopJarRun {
  readonly status: number | null;
  readonly stdout: string;
  /** Standard output and error together. */
  readonly output: string;
}

const version = "3.0.1";
const artifact = `com.instaclustr:esop:${version}`;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
const fetchDeadlineMs = 10 * 60_000;
/** Its own waits make a backup or a restore phase take 10 to 20 s. */
const callDeadlineMs = 60_000;

/** Runs the jar to its end, whatever its exit status. It wants `--name=value`, not `--name value`. */
export async function esopJar(...parameters: readonly string[]): Promise<EsopJarRun> {
  prepared ??= prepareJar();
  const jar = await prepared;
  const { java } = await prepareCassandra("5.0", cacheDirectory(), { environment: process.env });
  return run(java, ["-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", jar, ...parameters], callDeadlineMs);
}

/** As {@link esopJar}; throws with what it said when it fails. */
export async function esopJarOk(...parameters: readonly string[]): Promise<EsopJarRun> {
  const result = await esopJar(...parameters);
  if (result.status === 0) return result;
  throw new Error(`Esop ${parameters.join(" ")} ended with ${result.status}: ${result.output}`);
}

export interface JarBackup {
  readonly name: string;
  readonly files: number;
  readonly size: number;
  readonly reclaimableSpace: number;
}

/** The backups it lists at a location, newest first; throws when it fails. */
export async function jarList(location: string, cacheDirectory: string): Promise<readonly JarBackup[]> {
  const command = ["list", "--json", `--storage-location=${location}`, `--cache-dir=${cacheDirectory}`];
  const { stdout } = await esopJarOk(...command);
  const { reports }: { readonly reports: readonly JarBackup[] } = JSON.parse(stdout);
  return reports;
}

export function jarBackup(
  { sandbox }: CassandraNode,
  location: string,
  tag: string,
  ...more: readonly string[]
): Promise<EsopJarRun> {
  const where = [`--storage-location=${location}`, `--jmx-service=127.0.0.1:${sandbox.jmxPort}`];
  return esopJarOk("backup", ...where, `--snapshot-tag=${tag}`, ...dataDirectories(sandbox), ...more);
}

/** What its restore must be told of the node; it wants a Cassandra directory even where the data directories are given. */
export function jarRestoreCommand(
  { sandbox }: CassandraNode,
  location: string,
  tag: string,
  ...more: readonly string[]
): string[] {
  const where = [`--storage-location=${location}`, `--jmx-service=127.0.0.1:${sandbox.jmxPort}`];
  const directories = [`--cassandra-dir=${sandbox.directory}`, `--config-directory=${sandbox.configDirectory}`];
  return ["restore", ...where, `--snapshot-tag=${tag}`, ...directories, ...dataDirectories(sandbox), ...more];
}

function dataDirectories({ dataDirectories }: CassandraNode["sandbox"]): string[] {
  return dataDirectories.map((directory) => `--data-dir=${directory}`);
}

let prepared: Promise<string> | undefined;

/** The path of the jar, which appears in the cache complete or not at all. */
async function prepareJar(): Promise<string> {
  const home = join(cacheDirectory(), "esop-java", version);
  const jar = join(home, `esop-${version}.jar`);
  if ((await stat(jar).catch(() => undefined)) !== undefined) return jar;
  process.stderr.write(`fetching ${artifact} into ${home} (once, 52 MB)\n`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, ".fetch-"));
  try {
    const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${temporary}`];
    const fetched = await run("mvn", ["-q", "-B", copyGoal, ...options], fetchDeadlineMs);
    if (fetched.status !== 0) throw new Error(`cannot fetch ${artifact}: ${fetched.output}`);
    await rename(join(temporary, `esop-${version}.jar`), jar);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return jar;
}

function run(program: string, parameters: readonly string[], deadlineMs: number): Promise<EsopJarRun> {
  const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"], timeout: deadlineMs });
  let [stdout, output] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, output }));
  });
}
