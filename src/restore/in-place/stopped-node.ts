import { lstat, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  type CassandraConfig,
  configFilePath,
  findListening,
  findProcessUsing,
  listTableDirectories,
  parseConfig,
  readConfigFile,
} from "../../cassandra/cassandra.ts";
import { AppError, isAppError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import type { RestoreRequest } from "../../request/request.ts";
import { existingDirectories } from "../directories.ts";
import { checkDirectories } from "./check-directories.ts";

/** Where everything of a stopped node is. */
export interface StoppedNode {
  /** Where Cassandra keeps all tables but those of the local system keyspaces. */
  readonly dataDirectories: readonly string[];
  /**
   * Where Cassandra looks for its local system keyspaces, and nowhere else: one of the data directories or a directory
   * for them alone. Undefined where that cannot be told.
   */
  readonly systemDirectory: string | undefined;
  readonly commitLogDirectory: string;
  readonly hintsDirectory: string;
  readonly savedCachesDirectory: string;
  readonly configFile: ConfigFile | undefined;
}

interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly config: CassandraConfig;
}

/** Every directory that holds tables. */
export function allDirectories({ dataDirectories, systemDirectory }: StoppedNode): readonly string[] {
  return systemDirectory === undefined || dataDirectories.includes(systemDirectory)
    ? dataDirectories
    : [...dataDirectories, systemDirectory];
}

/**
 * Finds the directories of a node that cannot be asked, from the options and from its cassandra.yaml, which must not
 * contradict each other or what lies in the directories. Makes sure that the node is stopped, as far as can be seen.
 * Throws `usage`, `not-found`, `node-state`.
 */
export async function stoppedNode(request: RestoreRequest, log: Logger): Promise<StoppedNode> {
  const configFile = await findConfig(request);
  const { config } = configFile ?? {};
  const dataDirectories = await findDataDirectories(request, configFile);
  const named = (name: string, configured: string | undefined, setting: string) =>
    namedDirectory(request.cassandraDir, { name, configured, setting, file: configFile?.path ?? "" });
  const stopped: StoppedNode = {
    dataDirectories,
    systemDirectory: await findSystemDirectory(dataDirectories, config),
    commitLogDirectory: await named("commitlog", config?.commitLogDirectory, "commitlog_directory"),
    hintsDirectory: await named("hints", config?.hintsDirectory, "hints_directory"),
    savedCachesDirectory: await named("saved_caches", config?.savedCachesDirectory, "saved_caches_directory"),
    configFile,
  };
  await checkDirectories(allDirectories(stopped), stopped);
  if (!(await refuseRunning(stopped))) {
    log.warn("whether another user or container runs Cassandra on these directories cannot be seen from here");
  }
  return stopped;
}

/**
 * Throws `node-state` where Cassandra runs on the directories, or may be about to. Gives whether all processes of the
 * machine could be looked into.
 */
export async function refuseRunning(stopped: StoppedNode): Promise<boolean> {
  const { configFile, commitLogDirectory } = stopped;
  const { found, complete } = await findProcessUsing(
    [...allDirectories(stopped), commitLogDirectory],
    configFile === undefined ? undefined : dirname(configFile.path),
  );
  if (found !== undefined) {
    const { pid, kind } = found;
    const what = {
      uses: `process ${pid} is using this node's files`,
      starting: `process ${pid} is a Cassandra that is starting`,
      hidden: `process ${pid} is a Cassandra whose open files this user may not see`,
    }[kind];
    throw new AppError("node-state", `${what}; IN_PLACE needs a stopped node`, {
      hint:
        kind === "hidden"
          ? "stop it, or run esop as root, who can see whether it is another node"
          : "stop Cassandra and run the same command again; if it is up, check --jmx-service",
    });
  }
  const address = await findListening(configFile?.config.listenAddresses ?? []);
  if (address !== undefined) {
    const where = `${address.host}:${address.port}`;
    throw new AppError(
      "node-state",
      `something listens on ${where}, this node's address; IN_PLACE needs a stopped node`,
      {
        hint: `stop Cassandra and run the same command again; if it is up, check --jmx-service`,
      },
    );
  }
  return complete;
}

/** The real path, also of what is not there yet. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

interface NamedDirectory {
  readonly name: string;
  readonly configured: string | undefined;
  readonly setting: string;
  readonly file: string;
}

async function namedDirectory(
  cassandraDir: string | undefined,
  { name, configured, setting, file }: NamedDirectory,
): Promise<string> {
  const given = cassandraDir === undefined ? undefined : join(cassandraDir, name);
  if (given === undefined && configured === undefined) {
    throw new AppError("usage", `where this node's ${name} directory is cannot be told`, {
      hint: "give --cassandra-dir, which holds commitlog, hints and saved_caches, or --config-directory",
    });
  }
  if (given !== undefined && configured !== undefined && (await realPath(given)) !== (await realPath(configured))) {
    throw new AppError("usage", `--cassandra-dir means ${given}, but ${file} sets ${setting} to ${configured}`, {
      hint: "leave out --cassandra-dir; if that file is another node's, give this node's --config-directory",
    });
  }
  return given ?? configured ?? "";
}

async function findConfig(request: RestoreRequest): Promise<ConfigFile | undefined> {
  const path = configFilePath(request.configDirectory);
  try {
    const text = await readConfigFile(path);
    if (request.updateCassandraYaml) await refuseForeignLink(path);
    return { path, text, config: parseConfig(text, path) };
  } catch (error) {
    const needed = request.updateCassandraYaml || request.dataDirs.length === 0;
    if (isAppError(error, "not-found") && !needed) return undefined;
    if (!isAppError(error, "not-found")) throw error;
    throw new AppError("not-found", `there is no ${path}, and the node is down`, {
      hint: request.updateCassandraYaml
        ? "check --config-directory"
        : "give --config-directory, or --data-dir and --cassandra-dir",
      cause: error,
    });
  }
}

/** Root would edit whatever file the owner of a link lets it lead to. */
async function refuseForeignLink(path: string): Promise<void> {
  const [link, file] = [await lstat(path), await stat(path)];
  if (process.geteuid?.() !== 0 || !link.isSymbolicLink() || link.uid === 0 || link.uid === file.uid) return;
  throw new AppError("usage", `${path} is a link of user ${link.uid} to a file of user ${file.uid}`, {
    hint: "give --config-directory, the directory of the file itself",
  });
}

async function findDataDirectories(
  request: RestoreRequest,
  configFile: ConfigFile | undefined,
): Promise<readonly string[]> {
  const configured = configFile?.config.dataDirectories ?? [];
  const directories = request.dataDirs.length === 0 ? configured : request.dataDirs;
  if (directories.length === 0) {
    throw new AppError("usage", `${configFile?.path ?? "cassandra.yaml"} names no data directories`, {
      hint: "give --data-dir",
    });
  }
  if (configured.length > 0 && request.dataDirs.length > 0) await compareDirectories(request.dataDirs, configured);
  for (const directory of directories) {
    const found = await stat(directory).catch(() => undefined);
    // A node that was never started has not made its directories yet.
    if (found?.isDirectory() === true || (found === undefined && configured.includes(directory))) continue;
    throw new AppError(
      "not-found",
      `data directory ${directory} ${found === undefined ? "does not exist" : "is no directory"}`,
      {
        hint: configured.length > 0 ? `the node uses ${configured.join(", ")}` : "check --data-dir",
      },
    );
  }
  return directories;
}

/** Throws `usage` unless both name the same directories. */
async function compareDirectories(given: readonly string[], configured: readonly string[]): Promise<void> {
  const [ours, theirs] = await Promise.all(
    [given, configured].map(async (paths) => new Set(await Promise.all(paths.map(realPath)))),
  );
  const hint = `give --data-dir for each of ${configured.join(", ")}, or not at all`;
  if (given.length < configured.length) {
    throw new AppError(
      "usage",
      `the node has ${configured.length} data directories, --data-dir names ${given.length}`,
      { hint },
    );
  }
  for (const directory of given) {
    if (theirs?.has(await realPath(directory)) === true) continue;
    throw new AppError("usage", `${directory} is no data directory of this node, as its cassandra.yaml says`, { hint });
  }
  for (const directory of configured) {
    if (ours?.has(await realPath(directory)) === true) continue;
    throw new AppError("usage", `--data-dir does not name ${directory}, a data directory of this node`, { hint });
  }
}

/**
 * Cassandra's own rule: `local_system_data_file_directory`, else the first of `data_file_directories`. Without a
 * cassandra.yaml it is the data directory that holds these keyspaces.
 */
async function findSystemDirectory(
  dataDirectories: readonly string[],
  config: CassandraConfig | undefined,
): Promise<string | undefined> {
  const [only, ...others] = dataDirectories;
  const configured = config?.systemDataDirectory ?? config?.dataDirectories[0];
  if (configured !== undefined) {
    const real = await realPath(configured);
    for (const directory of dataDirectories) if ((await realPath(directory)) === real) return directory;
    return configured;
  }
  if (others.length === 0) return only;
  const isLocal = (keyspace: string) => keyspace === "system" || keyspace === "system_schema";
  const tables = await listTableDirectories(await existingDirectories(dataDirectories), isLocal);
  const holding = new Set(tables.map(({ dataDirectory }) => dataDirectory));
  const [found] = holding;
  return holding.size === 1 ? found : undefined;
}
