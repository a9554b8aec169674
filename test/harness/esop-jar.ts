/**
 * The real Esop (Java), for the tests of what both tools must understand of each other.
 */

import { prepareCassandra } from "../../src/sandbox/sandbox.ts";
import { type CassandraNode, cacheDirectory } from "./cassandra.ts";
import { type ForeignRun, prepareEsopJar, runForeign } from "./esop-jar-file.ts";
import { patient } from "./patience.ts";

/** Its own waits make a backup or a restore phase take 10 to 20 s. */
const callDeadlineMs = patient(60_000);

/** Runs the jar to its end, whatever its exit status. It wants `--name=value`, not `--name value`. */
export async function esopJar(...parameters: readonly string[]): Promise<ForeignRun> {
  prepared ??= prepareEsopJar(cacheDirectory());
  const jar = await prepared;
  const { java } = await prepareCassandra("5.0", cacheDirectory(), { environment: process.env });
  return runForeign(java, ["-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", jar, ...parameters], callDeadlineMs);
}

/** As {@link esopJar}; throws with what it said when it fails. */
export async function esopJarOk(...parameters: readonly string[]): Promise<ForeignRun> {
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
): Promise<ForeignRun> {
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
