import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { systemErrorCode } from "../errors.ts";

/** What this process can see of the others; see {@link findProcessUsing}. */
export interface ProcessFindings {
  /** The first process that stands in the way; undefined where none was seen. */
  readonly found: FoundProcess | undefined;
  /** Whether every process of the machine could be looked into: only then "none was seen" means that there is none. */
  readonly complete: boolean;
}

export interface FoundProcess {
  readonly pid: number;
  /**
   * `uses` has a file open below one of the directories. The others are a Cassandra whose command line names one of the
   * directories or the configuration: `starting` has no data open yet, `hidden` has open files this user may not see.
   */
  readonly kind: "uses" | "starting" | "hidden";
}

/** The inode of the initial PID namespace (PROC_PID_INIT_INO of Linux); in any other, some processes are not seen. */
const initialNamespace = "pid:[4026531836]";

/**
 * Looks in /proc for a process that holds a file open below one of the directories, or for a Cassandra that is about to,
 * by its command line: that has the directory of its configuration in the class path. A running Cassandra always has its
 * SSTables or commit log open.
 */
export async function findProcessUsing(
  directories: readonly string[],
  configDirectory?: string,
): Promise<ProcessFindings> {
  // Links in /proc name real paths, whatever path a file was opened by.
  const real = await Promise.all(directories.map((directory) => realpath(directory).catch(() => directory)));
  const prefixes = real.map((directory) => (directory.endsWith(sep) ? directory : directory + sep));
  const below = (path: string) => prefixes.some((prefix) => path.startsWith(prefix));
  const names = new Set([...directories, ...real]);
  if (configDirectory !== undefined) {
    for (const path of [resolve(configDirectory), await realpath(configDirectory).catch(() => configDirectory)]) {
      names.add(path).add(join(path, "cassandra.yaml"));
    }
  }
  let complete = (await readlink("/proc/self/ns/pid").catch(() => "")) === initialNamespace;
  let cassandra: FoundProcess | undefined;
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    if (!/^\d+$/.test(name) || pid === process.pid) continue;
    const open = await openFiles(pid);
    if (open?.some(below) === true) return { found: { pid, kind: "uses" }, complete };
    if (open === undefined) complete = false;
    if (open?.some((path) => dataPattern.test(path)) === true || !(await isCassandraOf(pid, names))) continue;
    cassandra = { pid, kind: open === undefined ? "hidden" : "starting" };
  }
  return { found: cassandra, complete };
}

/** A Cassandra that runs has one of these open, if not below our directories then below its own. */
const dataPattern = /\/(?:CommitLog-\d[^/]*\.log|[^/]+-Data\.db)$/;

/** The real paths of the files that a process has open; undefined where this user may not see them. */
async function openFiles(pid: number): Promise<readonly string[] | undefined> {
  try {
    const descriptors = await readdir(`/proc/${pid}/fd`);
    return await Promise.all(descriptors.map((number) => readlink(`/proc/${pid}/fd/${number}`).catch(() => "")));
  } catch (error) {
    // It ended meanwhile.
    return ["ENOENT", "ESRCH"].includes(systemErrorCode(error) ?? "") ? [] : undefined;
  }
}

async function isCassandraOf(pid: number, names: ReadonlySet<string>): Promise<boolean> {
  const parameters = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  if (!parameters.includes("org.apache.cassandra.service.CassandraDaemon")) return false;
  // "-cp /etc/cassandra:…", "-Dcassandra.config=file:///etc/cassandra/cassandra.yaml", "-Dcassandra.storagedir=…"
  const words = parameters.flatMap((parameter) => parameter.replace("file://", "").split(/[:=]/));
  return words.some((word) => names.has(word === "/" ? word : word.replace(/\/+$/, "")));
}
