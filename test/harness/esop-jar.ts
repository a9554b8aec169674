/**
 * The real Esop (Java), for the tests of what both tools must understand of each other. What is fetched: one jar,
 * com.instaclustr:esop:3.0.1, 52 MB, from Maven's repositories, once into the cache directory.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { prepareCassandra } from "../../src/sandbox/sandbox.ts";
import { cacheDirectory } from "./cassandra.ts";

export interface EsopJarRun {
  readonly status: number | null;
  /** Standard output and error together. */
  readonly output: string;
  readonly stdout: string;
}

const version = "3.0.1";
const artifact = `com.instaclustr:esop:${version}`;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
const fetchDeadlineMs = 10 * 60_000;
const callDeadlineMs = 60_000;

/** Runs the jar to its end, whatever its exit status. */
export async function esopJar(...parameters: readonly string[]): Promise<EsopJarRun> {
  const jar = await (prepared ??= prepareJar());
  const { java } = await prepareCassandra("5.0", cacheDirectory(), { environment: process.env });
  return run(java, ["-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", jar, ...parameters], callDeadlineMs);
}

/** As {@link esopJar}; throws with what it said when it fails. */
export async function esopJarOk(...parameters: readonly string[]): Promise<EsopJarRun> {
  const result = await esopJar(...parameters);
  if (result.status === 0) return result;
  throw new Error(`Esop ${parameters.join(" ")} ended with ${result.status}: ${result.output}`);
}

let prepared: Promise<string> | undefined;

/** The path of the jar; it appears in the cache complete or not at all. */
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
  let [output, stdout] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, output, stdout }));
  });
}
