import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError, systemErrorCode, throwIfAborted } from "../errors.ts";
import { findJava, findMaven } from "./java.ts";
import { runProgram } from "./program.ts";
import { type CassandraVersion, fullVersions } from "./versions.ts";

/** Java and the jars that a node runs with. */
export interface PreparedCassandra {
  readonly version: CassandraVersion;
  /** "5.0.9" */
  readonly fullVersion: string;
  /** Absolute path of a fitting `java`. */
  readonly java: string;
  /** Absolute paths of all jars of Cassandra and what it needs, sorted by name. */
  readonly jars: readonly string[];
}

export interface PrepareOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

const fetchDeadlineMs = 60 * 60_000;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/**
 * Finds Java, and fetches the jars of a Cassandra version with Maven unless they are in the cache
 * (`<cache>/cassandra/<full version>/lib`), which appears complete or not at all. Maven is needed only to fetch.
 * Throws `not-found` or `unsupported` (no Java, no Maven, wrong Java; with the way to get them), `unreachable` (the
 * download failed), `io`, `cancelled`.
 */
export async function prepareCassandra(
  version: CassandraVersion,
  cacheDirectory: string,
  options: PrepareOptions,
): Promise<PreparedCassandra> {
  const fullVersion = fullVersions[version];
  const java = await findJava(options.environment, options.signal);
  const home = join(cacheDirectory, "cassandra", fullVersion);
  let jars = await listJars(home);
  if (jars.length === 0) {
    await fetchJars(fullVersion, home, options);
    jars = await listJars(home);
  }
  return { version, fullVersion, java, jars };
}

async function listJars(home: string): Promise<string[]> {
  const lib = join(home, "lib");
  try {
    const names = await readdir(lib);
    return names
      .filter((name) => name.endsWith(".jar"))
      .sort()
      .map((name) => join(lib, name));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileError(error, `read ${lib}`);
  }
}

async function fetchJars(fullVersion: string, home: string, options: PrepareOptions): Promise<void> {
  const maven = await findMaven(options.environment);
  options.log?.(`fetching Cassandra ${fullVersion} into ${home} (once, 50 to 70 MB)`);
  const parent = join(home, "..");
  let temporary: string | undefined;
  try {
    await mkdir(parent, { recursive: true });
    temporary = await mkdtemp(join(parent, ".fetch-"));
    await writeFile(join(temporary, "pom.xml"), projectFile(fullVersion));
    const run = await runProgram(maven, mavenArguments(temporary), {
      environment: options.environment,
      deadlineMs: fetchDeadlineMs,
      signal: options.signal,
    });
    if (run.status !== 0 || (await listJars(temporary)).length === 0) {
      throw new AppError("unreachable", `cannot fetch Cassandra ${fullVersion}: ${lastLines(run.output, 3)}`, {
        hint: "check that Maven can reach a repository (a mirror or proxy is set in ~/.m2/settings.xml) and try again",
      });
    }
    await publish(temporary, home);
  } catch (error) {
    throwIfAborted(options.signal);
    throw fileError(error, `fetch Cassandra ${fullVersion} into ${home}`);
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

/** Puts the fetched directory in its place; losing the race against another fetch of the same version is a success. */
async function publish(temporary: string, home: string): Promise<void> {
  try {
    await rename(temporary, home);
  } catch (error) {
    if ((await listJars(home)).length === 0) throw error;
  }
}

function mavenArguments(directory: string): string[] {
  const pom = join(directory, "pom.xml");
  const lib = join(directory, "lib");
  return ["-q", "-B", "-f", pom, copyGoal, "-DincludeScope=runtime", `-DoutputDirectory=${lib}`];
}

function projectFile(fullVersion: string): string {
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>sandbox</groupId>
  <artifactId>cassandra</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>${fullVersion}</version>
    </dependency>
  </dependencies>
</project>
`;
}

function lastLines(output: string, count: number): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.length === 0 ? "no output" : lines.slice(-count).join(" | ");
}
