/**
 * The real Esop (Java), one jar: com.instaclustr:esop:3.0.1, 52 MB, fetched from Maven's repositories once into the cache
 * directory.
 */

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { patient } from "./patience.ts";

export interface ForeignRun {
  readonly status: number | null;
  readonly stdout: string;
  /** Standard output and error together. */
  readonly output: string;
}

const version = "3.0.1";
const artifact = `com.instaclustr:esop:${version}`;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
const fetchDeadlineMs = patient(10 * 60_000);

/** The path of the jar, which appears in the cache complete or not at all. */
export async function prepareEsopJar(cacheDirectory: string): Promise<string> {
  const home = join(cacheDirectory, "esop-java", version);
  const jar = join(home, `esop-${version}.jar`);
  if ((await stat(jar).catch(() => undefined)) !== undefined) return jar;
  process.stderr.write(`fetching ${artifact} into ${home} (once, 52 MB)\n`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, ".fetch-"));
  try {
    const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${temporary}`];
    const fetched = await runForeign("mvn", ["-q", "-B", copyGoal, ...options], fetchDeadlineMs);
    if (fetched.status !== 0) throw new Error(`cannot fetch ${artifact}: ${fetched.output}`);
    await rename(join(temporary, `esop-${version}.jar`), jar);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return jar;
}

/** Runs a program to its end or its deadline, whatever its exit status. */
export function runForeign(program: string, parameters: readonly string[], deadlineMs: number): Promise<ForeignRun> {
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
