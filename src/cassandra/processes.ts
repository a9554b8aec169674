import { readdir, readlink, realpath } from "node:fs/promises";
import { sep } from "node:path";

/**
 * The id of a process that holds a file open below one of the directories, as /proc tells; undefined when there is none
 * or when this system or user cannot tell. A running Cassandra always has its SSTables or commit log open.
 */
export async function processUsing(directories: readonly string[]): Promise<number | undefined> {
  // Links in /proc name real paths, whatever path a file was opened by.
  const real = await Promise.all(directories.map((directory) => realpath(directory).catch(() => directory)));
  const prefixes = real.map((directory) => (directory.endsWith(sep) ? directory : directory + sep));
  const processes = await readdir("/proc").catch(() => []);
  for (const pid of processes) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (prefixes.some((prefix) => target.startsWith(prefix))) return Number(pid);
    }
  }
  return undefined;
}
