import { type ComponentName, listSSTables, parseComponentName } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { fileNames, findLivePaths, type LiveRestore, targetName } from "./targets.ts";

/**
 * Throws `unsupported` for an SSTable that this node does not read: it would ignore the file, and report success.
 */
export async function checkFormats(restore: LiveRestore, strategy: "IMPORT" | "HARDLINKS"): Promise<void> {
  const { releaseVersion } = restore.facts;
  const newest = await newestFormat(restore);
  for (const table of restore.tables) {
    for (const file of fileNames(restore, table)) {
      const name = parseComponentName(file);
      const problem = name === undefined ? unnamed : problemOf(name, { releaseVersion, newest }, strategy);
      if (problem === undefined) continue;
      const sstable = `${file} of ${targetName(table)}`;
      throw new AppError("unsupported", `this Cassandra ${releaseVersion} does not read ${sstable}: ${problem.why}`, {
        hint: problem.hint,
      });
    }
  }
}

/**
 * The first letter of the newest version among the SSTables of system.local, which a node writes when it starts. In 5.0,
 * it depends on `storage_compatibility_mode`, and is the newest that the node reads.
 */
async function newestFormat(restore: LiveRestore): Promise<string | undefined> {
  const livePaths = (await findLivePaths(restore, { keyspace: "system", table: "local" })) ?? [];
  const letters: string[] = [];
  for (const path of livePaths) {
    for (const { files } of (await listSSTables(path, restore.signal)) ?? []) {
      const name = parseComponentName(files[0]?.name ?? "");
      if (name !== undefined) letters.push(name.format === "bti" ? "o" : name.version.slice(0, 1));
    }
  }
  return letters.sort().at(-1);
}

interface Problem {
  readonly why: string;
  readonly hint: string;
}

const unnamed: Problem = { why: "it has no name of an SSTable", hint: "restore another backup" };

/** Undefined if the version reads SSTables of that name, or is not known here. */
export function problemOf(
  { version, format, generation }: Pick<ComponentName, "version" | "format" | "generation">,
  { releaseVersion, newest }: { readonly releaseVersion: string; readonly newest: string | undefined },
  strategy: "IMPORT" | "HARDLINKS",
): Problem | undefined {
  const release = /^(\d+)\.(\d+)/.exec(releaseVersion);
  if (release === null) return undefined;
  const [major, minor] = [Number(release[1]), Number(release[2])];
  if (format === "bti" && major < 5) {
    return { why: "the format bti came with Cassandra 5.0", hint: "restore to a node of the version of the backup" };
  }
  if (format !== "bti" && (format === "" || version < "ma")) {
    return {
      why: `the format ${version} is older than that of Cassandra 3.0`,
      hint: "restore to a node of that version, run `nodetool upgradesstables` there and back it up again",
    };
  }
  const letter = version.slice(0, 1);
  if (format !== "bti" && letter > (major < 5 ? "n" : (newest ?? letter))) {
    return {
      why: `the format ${version} is newer than what it writes`,
      hint: "restore to a node of the version, and with the storage_compatibility_mode, of the backup",
    };
  }
  if (!/^\d+$/.test(generation) && major === 4 && minor === 0 && strategy === "IMPORT") {
    return {
      why: "generations that are UUIDs came with Cassandra 4.1",
      hint: "restore with HARDLINKS, which gives the SSTables numbers",
    };
  }
  return undefined;
}
