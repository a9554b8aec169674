import { randomInt } from "node:crypto";
import { constants, copyFile, link, lstat, open, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { appearanceRank, parseComponentName, withGeneration } from "../../cassandra/cassandra.ts";
import { AppError, fileError, systemErrorCode } from "../../errors.ts";

/** Components that Cassandra rewrites in place: through a link, it would change the download. */
const copied = new Set(["TOC.txt", "Filter.db"]);

/** Links a download to a path of Cassandra; only a few small components are copied and take space. */
async function give(from: string, to: string): Promise<void> {
  try {
    if (copied.has(componentOf(from))) await copyDurably(from, to);
    else await link(from, to);
  } catch (error) {
    throw fileError(error, `link ${from} to ${to}`);
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await using copy = await open(to, "r+");
  if (process.geteuid?.() === 0) {
    const { uid, gid } = await stat(from);
    await copy.chown(uid, gid);
  }
  await copy.sync();
}

function componentOf(path: string): string {
  return parseComponentName(basename(path))?.component ?? "";
}

/** Links files under their own names into an empty directory. */
export async function linkForImport(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) await give(join(from, name), join(to, name));
}

/**
 * Generations we give to SSTables that Cassandra will rename when it loads them: far above any that its own counter
 * reaches, within the 31 bits that all versions accept.
 */
const generations = { first: 1_500_000_000, last: 2_000_000_000 } as const;

/**
 * Links SSTables into a table's live directories, each under a fresh generation so that no name can be taken already,
 * all components of one in the same directory, Data.db last. Round robin over the directories.
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
    for (const name of ordered) await give(join(from, name), join(to, withGeneration(name, String(generation))));
  }
}

/** Copies come after links, by which an SSTable of ours is known again. */
function rank(file: string): number {
  const component = componentOf(file);
  return 2 * appearanceRank(component) + (copied.has(component) ? 1 : 0);
}

/**
 * Removes the SSTables that {@link linkIntoLiveDirectory} linked and Cassandra did not load, and returns their number.
 * They have a generation of ours, and a component that is the same file as a downloaded one: an SSTable of Cassandra has
 * only one of both at most.
 */
export async function unlinkLeftovers(
  from: string,
  names: readonly string[],
  livePaths: readonly string[],
): Promise<number> {
  const inodes = new Set<string>();
  for (const name of names) inodes.add(await identity(join(from, name)));
  // A file that is gone has no identity, and is equal to no other.
  inodes.delete("");
  let removed = 0;
  for (const livePath of livePaths) {
    const ours = (await readdir(livePath)).filter((name) => isOurGeneration(name));
    for (const components of Map.groupBy(ours, (name) => parseComponentName(name)?.baseName).values()) {
      const paths = components.map((name) => join(livePath, name));
      const known = await Promise.all(paths.map(identity));
      if (!known.some((file) => inodes.has(file))) continue;
      for (const path of paths) await rm(path, { force: true });
      removed += 1;
    }
  }
  return removed;
}

function isOurGeneration(name: string): boolean {
  const generation = Number(parseComponentName(name)?.generation);
  return generation >= generations.first && generation <= generations.last;
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
