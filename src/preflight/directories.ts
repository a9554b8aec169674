import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { checkDataDirectories, listSSTables, listTableDirectories, type NodeFacts } from "../cassandra/cassandra.ts";
import { AppError, fileError } from "../errors.ts";
import { deviceOf, existingParent, freeBytes, stagingRoot } from "../files/files.ts";
import { formatBytes } from "../units.ts";
import type { Passed } from "./finding.ts";

/** What was learned of the data directories, for the checks that come after. */
export interface DataDirectories {
  readonly paths: readonly string[];
  /** Of all live SSTables. */
  readonly bytes: number;
}

/**
 * The node's data directories, once a file of each table has proved readable. Throws `not-found`, `usage` (not this
 * node's) and `io` (permissions).
 */
export async function readDataDirectories(
  given: readonly string[],
  facts: NodeFacts,
  signal: AbortSignal,
): Promise<DataDirectories> {
  const paths = await checkDataDirectories(given, facts);
  let bytes = 0;
  for (const { path } of await listTableDirectories(paths, () => true, signal)) {
    const sstables = (await listSSTables(path, signal)) ?? [];
    for (const file of sstables.flatMap(({ files }) => files)) bytes += file.sizeBytes;
    const [first] = sstables.flatMap(({ files }) => files);
    if (first !== undefined) await requireReadable(first.path);
  }
  return { paths, bytes };
}

/** Cassandra may delete an SSTable while we look: one that is gone was readable for all we know. */
async function requireReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    const converted = fileError(error, `read ${path}`);
    if (converted.code !== "not-found") throw converted;
  }
}

export function describeDataDirectories({ paths, bytes }: DataDirectories): Passed {
  return { says: `${paths.join(", ")}: readable, ${formatBytes(bytes)} of SSTables` };
}

/** Where restores put their downloads: the given directory, or the default. */
export async function importPlace(
  { paths: [first = ""] }: DataDirectories,
  given: string | undefined,
): Promise<string> {
  return given ?? stagingRoot(first);
}

/** Throws `io` if nothing can be written there; warns if files there cannot be linked into the data directories. */
export async function checkImportPlace(place: string, { paths }: DataDirectories): Promise<Passed> {
  const directory = await existingParent(place);
  await requireWritable(directory);
  const device = await deviceOf(place);
  const devices = await Promise.all(paths.map(deviceOf));
  if (devices.includes(device)) return { says: `${place}: writable, on the file system of the data` };
  return {
    says: `${place}: writable, but not on the file system of the data`,
    warning: true,
    hint: "IMPORT copies the files and HARDLINKS fails: set --import-source-dir to a directory next to the data",
  };
}

async function requireWritable(directory: string): Promise<void> {
  const probe = join(directory, `.esop-check-${randomUUID()}`);
  try {
    await (await open(probe, "wx")).close();
    await unlink(probe);
  } catch (error) {
    throw fileError(error, `write to ${directory}`);
  }
}

/** A restore of everything on a running node holds the data twice until its end. */
export async function checkRoom(place: string, { bytes }: DataDirectories): Promise<Passed> {
  const free = await freeBytes(place);
  if (free === 0) throw new AppError("no-space", `no free space at ${place}`, { hint: "free some space there" });
  const says = `${formatBytes(free)} free at ${place}`;
  if (free >= bytes) return { says: `${says}, enough to restore all data` };
  return {
    says: `${says}, less than the ${formatBytes(bytes)} of data`,
    warning: true,
    hint: "a restore needs space for all files that it downloads: select tables with --entities, or free some space",
  };
}
