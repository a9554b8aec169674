import { resolve } from "node:path";
import { AppError } from "../errors.ts";
import { commandLine } from "./command-line.ts";
import { datacenter, nodeDirectories, writeConfig } from "./config.ts";
import { prepareCassandra } from "./jars.ts";
import { chooseNodePorts } from "./network.ts";
import { type NodeCommand, NodeProcess } from "./node-process.ts";
import { type CassandraVersion, fullVersions } from "./versions.ts";

export interface SandboxOptions {
  readonly version: CassandraVersion;
  /** Everything of the node lives below it: configuration, data, commit log, logs. Created when missing. */
  readonly directory: string;
  /** Where the fetched jars are kept between runs. */
  readonly cacheDirectory: string;
  /** How many data directories the node spreads its SSTables over; 1. */
  readonly dataDirectories?: number;
  /** The format of new SSTables; "big". "bti" only for 5.0; it implies storage compatibility mode NONE. */
  readonly sstableFormat?: "big" | "bti";
  readonly clusterName?: string;
  /** 16 */
  readonly numTokens?: number;
  /** The largest heap; 512. */
  readonly heapMiB?: number;
  /** More arguments for `java`. */
  readonly jvmArguments?: readonly string[];
  /** Settings laid over the written cassandra.yaml, by that version's names. */
  readonly yaml?: Readonly<Record<string, unknown>>;
  /** A loopback address; by default one of its own (see {@link chooseLoopbackAddress}). */
  readonly address?: string;
  /** Addresses of the cluster's seeds; by default the node itself. */
  readonly seeds?: readonly string[];
  /** Whether {@link Sandbox.release} may be called; only the exit handler then ends the node with this process. */
  readonly releasable?: boolean;
  readonly environment: NodeJS.ProcessEnv;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A real Cassandra node that listens on the loopback interface only. It dies with this process unless it is released. */
export interface Sandbox {
  readonly version: CassandraVersion;
  /** "5.0.9" */
  readonly fullVersion: string;
  readonly directory: string;
  readonly configDirectory: string;
  readonly logDirectory: string;
  readonly dataDirectories: readonly string[];
  readonly commitLogDirectory: string;
  readonly hintsDirectory: string;
  readonly savedCachesDirectory: string;
  /** For CQL and between nodes. JMX is on 127.0.0.1. */
  readonly address: string;
  readonly cqlPort: number;
  readonly jmxPort: number;
  readonly jmxServiceUrl: string;
  readonly datacenter: string;
  /** Undefined while the node does not run. */
  readonly pid: number | undefined;
  /**
   * Starts the node and waits until it accepts CQL connections; nothing when it runs. May be called again after a stop:
   * same directory, same ports. Throws `node-state` with what the node complained of when it exits first, `timeout`.
   */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Ends the node and waits until it is gone: TERM (the default) drains it first. Nothing when it does not run. */
  stop(how?: "TERM" | "KILL"): Promise<void>;
  /** Lets the running node outlive this process, which must have been provided for by `releasable`. */
  release(): void;
}

/**
 * Writes the configuration of a node and chooses its address and ports; fetches Cassandra when it is not in the cache.
 * Starts nothing. Throws as {@link prepareCassandra} does, and `usage` for options that do not fit together.
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const sstableFormat = options.sstableFormat ?? "big";
  if (sstableFormat === "bti" && options.version !== "5.0") {
    throw new AppError("usage", `Cassandra ${options.version} has no bti format`, { hint: "use version 5.0 for bti" });
  }
  const cassandra = await prepareCassandra(options.version, options.cacheDirectory, options);
  const directory = resolve(options.directory);
  const directories = nodeDirectories(directory, options.dataDirectories ?? 1);
  const ports = await chooseNodePorts(options.address);
  await writeConfig({
    version: options.version,
    sstableFormat,
    clusterName: options.clusterName ?? "sandbox",
    numTokens: options.numTokens ?? 16,
    seeds: options.seeds ?? [ports.address],
    directories,
    ports,
    extra: options.yaml ?? {},
  });
  const parameters = commandLine({
    cassandra,
    directory,
    directories,
    jmxPort: ports.jmxPort,
    heapMiB: options.heapMiB ?? 512,
    extra: options.jvmArguments ?? [],
  });
  const command: NodeCommand = {
    java: cassandra.java,
    parameters,
    directory,
    logDirectory: directories.logDirectory,
    address: ports.address,
    cqlPort: ports.cqlPort,
    environment: options.environment,
    releasable: options.releasable ?? false,
  };
  return sandboxOf({ version: options.version, directory, ...directories, ...ports }, command, options.signal);
}

type Facts = Pick<
  Sandbox,
  | "version"
  | "directory"
  | "configDirectory"
  | "logDirectory"
  | "dataDirectories"
  | "commitLogDirectory"
  | "hintsDirectory"
  | "savedCachesDirectory"
  | "address"
  | "cqlPort"
  | "jmxPort"
>;

function sandboxOf(facts: Facts, command: NodeCommand, creatorSignal: AbortSignal | undefined): Sandbox {
  let node: NodeProcess | undefined;
  return {
    version: facts.version,
    fullVersion: fullVersions[facts.version],
    directory: facts.directory,
    configDirectory: facts.configDirectory,
    logDirectory: facts.logDirectory,
    dataDirectories: facts.dataDirectories,
    commitLogDirectory: facts.commitLogDirectory,
    hintsDirectory: facts.hintsDirectory,
    savedCachesDirectory: facts.savedCachesDirectory,
    address: facts.address,
    cqlPort: facts.cqlPort,
    jmxPort: facts.jmxPort,
    jmxServiceUrl: `service:jmx:rmi:///jndi/rmi://127.0.0.1:${facts.jmxPort}/jmxrmi`,
    datacenter,
    get pid() {
      return node?.pid;
    },
    async start(options = {}) {
      if (node !== undefined) return;
      const started = await NodeProcess.start(command, options.signal ?? creatorSignal);
      node = started;
      void started.exited.then(() => {
        if (node === started) node = undefined;
      });
    },
    async stop(how = "TERM") {
      await node?.stop(how);
      node = undefined;
    },
    release() {
      if (!command.releasable) throw new AppError("internal", "this node was not made to be released");
      node?.release();
    },
  };
}
