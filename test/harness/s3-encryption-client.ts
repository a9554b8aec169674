/**
 * The AWS S3 Encryption Client for Java, 17 MB with what it needs, fetched from Maven's repositories once into the cache
 * directory; and the program that drives it (s3-encryption/Client.java).
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runForeign } from "./esop-jar-file.ts";
import { jdks } from "./jmx-agent.ts";
import { patient } from "./patience.ts";
import { endWithProcess } from "./server-process.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import type { Unavailable } from "./tools.ts";

const version = "4.0.1";
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const fetchDeadlineMs = patient(10 * 60_000);
const runDeadlineMs = patient(90_000);

const project = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId>
  <artifactId>s3-encryption</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>software.amazon.encryption.s3</groupId>
      <artifactId>amazon-s3-encryption-client-java</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;

export interface S3EncryptionClient {
  /**
   * Does the jobs one after the other in one JVM, and gives what it answers to each; see Client.java. The environment
   * says where S3 and KMS are, and whose credentials are used.
   */
  run(keyId: string, jobs: readonly string[][], environment: Readonly<Record<string, string>>): Promise<string[]>;
}

export async function prepareS3EncryptionClient(cacheDirectory: string): Promise<S3EncryptionClient | Unavailable> {
  const [jdk] = jdks;
  if (jdk === undefined) return { reason: "no JDK was found" };
  const lib = await fetchedJars(join(cacheDirectory, "s3-encryption-client", version));
  if (typeof lib !== "string") return lib;
  const program = (name: string) => join(jdk.home, "bin", name);
  return {
    async run(keyId, jobs, environment) {
      await using classes = await temporaryDirectory();
      const classPath = `${join(lib, "*")}:${classes.path}`;
      const source = join(import.meta.dirname, "s3-encryption", "Client.java");
      const compiled = await runForeign(
        program("javac"),
        ["-cp", classPath, "-d", classes.path, source],
        runDeadlineMs,
      );
      if (compiled.status !== 0) throw new Error(`cannot compile ${source}: ${compiled.output}`);
      const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", classPath];
      return await answers(program("java"), [...flags, "Client", keyId], jobs, environment);
    },
  };
}

/** The directory of the jars, which appears in the cache complete or not at all. */
async function fetchedJars(home: string): Promise<string | Unavailable> {
  const lib = join(home, "lib");
  if ((await stat(lib).catch(() => undefined)) !== undefined) return lib;
  process.stderr.write(`fetching the S3 Encryption Client ${version} into ${home} (once, 17 MB)\n`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, ".fetch-"));
  try {
    const pom = join(temporary, "pom.xml");
    await writeFile(pom, project);
    const [include, output] = ["-DincludeScope=runtime", `-DoutputDirectory=${join(temporary, "lib")}`];
    const fetched = await runForeign("mvn", ["-q", "-B", "-f", pom, copyGoal, include, output], fetchDeadlineMs);
    if (fetched.status !== 0) return { reason: `the S3 Encryption Client cannot be fetched: ${fetched.output}` };
    await rename(join(temporary, "lib"), lib);
    return lib;
  } catch (error) {
    return { reason: `the S3 Encryption Client cannot be fetched: ${String(error)}` };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function answers(
  java: string,
  parameters: readonly string[],
  jobs: readonly string[][],
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const child = spawn(java, parameters, {
    env: environment,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: runDeadlineMs,
    killSignal: "SIGKILL",
  });
  endWithProcess(child);
  let [answered, said] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    answered += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  // A program that ends early says why in its output.
  child.stdin.on("error", () => undefined).end(jobs.map((job) => `${job.join("\t")}\n`).join(""));
  await once(child, "close");
  const lines = answered.split("\n").slice(0, -1);
  if (lines.length !== jobs.length) throw new Error(`${lines.length} of ${jobs.length} jobs were answered: ${said}`);
  return lines;
}
