import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type CassandraConfig,
  configFilePath,
  parseConfig,
  processUsing,
  readConfigFile,
} from "../../cassandra/cassandra.ts";
import { AppError, isAppError } from "../../errors.ts";
import type { RestoreRequest } from "../../request/request.ts";

/** Where everything of a stopped node is. */
export interface StoppedNode {
  readonly dataDirectories: readonly string[];
  /** Where Cassandra looks for its local system keyspaces, and nowhere else. */
  readonly systemDirectory: string;
  readonly commitLogDirectory: string;
  readonly hintsDirectory: string;
  readonly savedCachesDirectory: string;
  readonly configFile: { readonly path: string; readonly text: string } | undefined;
}

/**
 * Finds the directories of a node that cannot be asked: from the flags, else from its cassandra.yaml. Makes sure that it
 * is stopped. Throws `usage`, `not-found`, `node-state`.
 */
export async function stoppedNode(request: RestoreRequest): Promise<StoppedNode> {
  const configFile = await findConfig(request);
  const dataDirectories = await findDataDirectories(request, configFile);
  const [first = ""] = dataDirectories;
  const named = (name: string, configured: string | undefined): string => {
    if (request.cassandraDir !== undefined) return join(request.cassandraDir, name);
    if (configured !== undefined) return configured;
    throw new AppError("usage", `where this node's ${name} directory is cannot be told`, {
      hint: "give --cassandra-dir, which holds commitlog, hints and saved_caches, or --config-directory",
    });
  };
  const commitLogDirectory = named("commitlog", configFile?.config.commitLogDirectory);
  const pid = await processUsing([...dataDirectories, commitLogDirectory]);
  if (pid !== undefined) {
    throw new AppError("node-state", `process ${pid} is using this node's files; IN_PLACE needs a stopped node`, {
      hint: "stop Cassandra and run the same command again; if it is up, check --jmx-service",
    });
  }
  return {
    dataDirectories,
    systemDirectory: configFile?.config.systemDataDirectory ?? first,
    commitLogDirectory,
    hintsDirectory: named("hints", configFile?.config.hintsDirectory),
    savedCachesDirectory: named("saved_caches", configFile?.config.savedCachesDirectory),
    configFile,
  };
}

interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly config: CassandraConfig;
}

async function findConfig(request: RestoreRequest): Promise<ConfigFile | undefined> {
  const path = configFilePath(request.configDirectory);
  try {
    const text = await readConfigFile(path);
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
  if (directories.length < configured.length) {
    throw new AppError(
      "usage",
      `the node has ${configured.length} data directories, --data-dir names ${directories.length}`,
      {
        hint: `give --data-dir for each of ${configured.join(", ")}, or not at all`,
      },
    );
  }
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
