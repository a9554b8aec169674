import { realpath, stat } from "node:fs/promises";
import { AppError } from "../errors.ts";
import { listTableDirectories } from "./data-directories.ts";
import type { NodeFacts } from "./node.ts";

/**
 * The data directories to read: those given, else those the node names. A directory that was given must be the node's:
 * the same directory as one that the node names, or, where the node sees other paths than we do (a container), one that
 * holds tables. There must be as many as the node has, or SSTables would be left out.
 */
export async function checkDataDirectories(given: readonly string[], facts: NodeFacts): Promise<readonly string[]> {
  const named = facts.dataDirectories;
  const directories = given.length === 0 ? named : given;
  for (const directory of directories) {
    const found = await stat(directory).catch(() => undefined);
    if (found?.isDirectory() === true) continue;
    const what = given.length === 0 ? `the node's data directory ${directory} is not on this machine` : "";
    throw new AppError("not-found", what === "" ? `data directory ${directory} does not exist` : what, {
      hint:
        given.length === 0 ? "give --data-dir, the path under which it is here" : `the node uses ${named.join(", ")}`,
    });
  }
  if (given.length === 0) return directories;
  const ours = new Map<string, string>();
  // A directory given twice, by whatever paths, would be read twice.
  for (const directory of directories) {
    const real = await realpath(directory);
    if (!ours.has(real)) ours.set(real, directory);
  }
  const theirs = await Promise.all(named.map((directory) => realpath(directory).catch(() => undefined)));
  const visible = theirs.filter((directory) => directory !== undefined);
  const hint = `give --data-dir for each of ${named.join(", ")}, or not at all`;
  const foreign = [...ours.keys()].find((directory) => visible.length === named.length && !visible.includes(directory));
  if (foreign !== undefined) {
    throw new AppError("usage", `${foreign} is not a data directory of this node`, { hint });
  }
  if (ours.size !== named.length) {
    throw new AppError("usage", `the node has ${named.length} data directories, --data-dir names ${ours.size}`, {
      hint,
    });
  }
  // Cassandra makes the directories of its tables in each of its data directories.
  for (const [real, directory] of ours) {
    if (theirs.includes(real) || (await listTableDirectories([directory], () => true)).length > 0) continue;
    throw new AppError("usage", `${directory} does not hold this node's tables`, { hint });
  }
  return [...ours.values()];
}
