import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { AppError } from "../errors.ts";
import { runProgram } from "./program.ts";

/** Cassandra 4.0 to 5.0 run on 17; from 24 on the JVM refuses the security manager they install. */
const oldestJava = 17;
const newestJava = 23;

const javaHint =
  "install a Java 17 runtime (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; Fedora: dnf install java-17-openjdk-headless; macOS: brew install openjdk@17) or set JAVA_HOME to one";
const mavenHint =
  "install Maven (Debian, Ubuntu: apt-get install maven; Fedora: dnf install maven; macOS: brew install maven)";

const versionDeadlineMs = 300_000;

/** The path of a `java` that can run Cassandra: JAVA_HOME's, else the PATH's. Throws `not-found` or `unsupported`. */
export async function findJava(environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const found: string[] = [];
  for (const java of await javaCandidates(environment)) {
    const run = await runProgram(java, ["-version"], { environment, deadlineMs: versionDeadlineMs, signal });
    const version = /version "(\d+)/.exec(run.output)?.[1];
    if (run.status !== 0 || version === undefined) continue;
    if (Number(version) >= oldestJava && Number(version) <= newestJava) return java;
    found.push(`${java} is Java ${version}`);
  }
  if (found.length === 0) throw new AppError("not-found", "no Java found to run Cassandra with", { hint: javaHint });
  const range = `${oldestJava} to ${newestJava}`;
  throw new AppError("unsupported", `Cassandra needs Java ${range}, but ${found.join(" and ")}`, { hint: javaHint });
}

/** The path of `mvn`. Throws `not-found`. */
export async function findMaven(environment: NodeJS.ProcessEnv): Promise<string> {
  const maven = await findOnPath("mvn", environment);
  if (maven === undefined) {
    throw new AppError("not-found", "no Maven found to fetch Cassandra's jars with", { hint: mavenHint });
  }
  return maven;
}

async function javaCandidates(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const candidates: string[] = [];
  const { JAVA_HOME: home } = environment;
  if (home !== undefined && home !== "" && (await isExecutable(join(home, "bin", "java")))) {
    candidates.push(join(home, "bin", "java"));
  }
  const onPath = await findOnPath("java", environment);
  if (onPath !== undefined) candidates.push(onPath);
  return candidates;
}

/** The first executable of that name in the PATH of `environment`, or undefined. */
export async function findOnPath(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { PATH: path = "" } = environment;
  for (const directory of path.split(delimiter)) {
    if (directory === "") continue;
    const candidate = join(directory, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
