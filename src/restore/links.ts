import { randomInt } from "node:crypto";
import { link, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { appearanceRank, parseComponentName, withGeneration } from "../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../errors.ts";

/** Links files under their own names into an empty directory. */
export async function linkForImport(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await link(join(from, name), join(to, name)).catch((error: unknown) => {
      throw fileError(error, `link ${join(from, name)} into ${to}`);
    });
  }
}

/**
 * Generations we give to SSTables that Cassandra will rename when it loads them: far above any that its own counter
 * reaches, within the 31 bits that all versions accept.
 */
const generations = { first: 1_500_000_000, last: 2_000_000_000 } as const;

/**
 * Links SSTables into a table's live directories, each under a fresh generation so that no name can be taken already,
 * all components of one in the same directory, Data.db last. Round robin over the directories, the largest first.
 */
export async function linkIntoLiveDirectory(
  from: string,
  names: readonly string[],
  livePaths: readonly string[],
): Promise<void> {
  const sstables = Map.groupBy(names, (name) => parseComponentName(name)?.baseName ?? name);
  let turn = 0;
  let generation = randomInt(generations.first, generations.last - sstables.size);
  for (const components of sstables.values()) {
    const to = livePaths[turn++ % livePaths.length];
    if (to === undefined) throw new AppError("internal", "no live directory to link into");
    const ordered = components.toSorted((a, b) => rank(a) - rank(b));
    generation += 1;
    for (const name of ordered) {
      const path = join(to, withGeneration(name, String(generation)));
      await link(join(from, name), path).catch((error: unknown) => {
        throw fileError(error, `link ${join(from, name)} to ${path}`);
      });
    }
  }
}

function rank(file: string): number {
  return appearanceRank(parseComponentName(file)?.component ?? "");
}

/**
 * Removes links that an interrupted run made and Cassandra never loaded: names with a generation of ours that are the
 * same files as the downloaded ones. Both must hold, so that nothing of Cassandra's own is ever touched.
 */
export async function unlinkLeftovers(
  from: string,
  names: readonly string[],
  livePaths: readonly string[],
): Promise<void> {
  const inodes = new Set<string>();
  for (const name of names) inodes.add(await identity(join(from, name)));
  for (const livePath of livePaths) {
    for (const name of await readdir(livePath)) {
      const generation = Number(parseComponentName(name)?.generation);
      if (!(generation >= generations.first && generation <= generations.last)) continue;
      const path = join(livePath, name);
      if (inodes.has(await identity(path))) await rm(path, { force: true });
    }
  }
}

/** Device and inode; "" for a file that is gone. */
async function identity(path: string): Promise<string> {
  try {
    const { dev, ino } = await lstat(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return "";
    throw fileError(error, `read ${path}`);
  }
}
