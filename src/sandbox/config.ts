import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { fileError } from "../errors.ts";
import type { NodePorts } from "./network.ts";
import type { CassandraVersion } from "./versions.ts";

/** The directories of one node, all absolute. */
export interface NodeDirectories {
  readonly configDirectory: string;
  readonly dataDirectories: readonly string[];
  readonly commitLogDirectory: string;
  readonly hintsDirectory: string;
  readonly savedCachesDirectory: string;
  readonly cdcDirectory: string;
  readonly logDirectory: string;
  readonly temporaryDirectory: string;
}

export interface NodeConfig {
  readonly version: CassandraVersion;
  readonly sstableFormat: "big" | "bti";
  readonly clusterName: string;
  readonly numTokens: number;
  readonly seeds: readonly string[];
  readonly directories: NodeDirectories;
  readonly ports: NodePorts;
  /** Settings laid over the written ones, by the names of cassandra.yaml. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Of the node and of the driver that asks it. */
export const requestTimeoutSeconds = 600;
export const datacenter = "dc1";
export const rack = "rack1";

export function nodeDirectories(directory: string, dataDirectories: number): NodeDirectories {
  return {
    configDirectory: join(directory, "conf"),
    dataDirectories: Array.from({ length: dataDirectories }, (_, index) => join(directory, `data${index}`, "data")),
    commitLogDirectory: join(directory, "commitlog"),
    hintsDirectory: join(directory, "hints"),
    savedCachesDirectory: join(directory, "saved_caches"),
    cdcDirectory: join(directory, "cdc_raw"),
    logDirectory: join(directory, "logs"),
    temporaryDirectory: join(directory, "tmp"),
  };
}

/** Creates the node's directories and writes its configuration files. Throws `io` and its kin. */
export async function writeConfig(config: NodeConfig): Promise<void> {
  const { configDirectory, logDirectory, temporaryDirectory, dataDirectories } = config.directories;
  const files: readonly (readonly [name: string, text: string])[] = [
    ["cassandra.yaml", cassandraYaml(config)],
    [
      "cassandra-rackdc.properties",
      `# Where this node stands, for GossipingPropertyFileSnitch.\ndc=${datacenter}\nrack=${rack}\n`,
    ],
    ["commitlog_archiving.properties", commitLogArchiving],
    ["logback.xml", logback],
  ];
  try {
    for (const directory of [configDirectory, logDirectory, temporaryDirectory, ...dataDirectories]) {
      await mkdir(directory, { recursive: true });
    }
    for (const [name, text] of files) await writeFile(join(configDirectory, name), text);
  } catch (error) {
    throw fileError(error, `write the configuration of a Cassandra node to ${configDirectory}`);
  }
}

/** The text of cassandra.yaml, with the names of the settings that the version knows. */
export function cassandraYaml(config: NodeConfig): string {
  const { directories, ports } = config;
  const text = `# A throwaway Cassandra ${config.version} node that listens on the loopback interface only.

# All nodes of a cluster carry the same name.
cluster_name: ${JSON.stringify(config.clusterName)}

# How many tokens the node owns; chosen at its first start.
num_tokens: ${config.numTokens}

partitioner: org.apache.cassandra.dht.Murmur3Partitioner

# Where the node keeps its files.
data_file_directories:
${directories.dataDirectories.map((directory) => `  - ${JSON.stringify(directory)}`).join("\n")}
commitlog_directory: ${JSON.stringify(directories.commitLogDirectory)}
hints_directory: ${JSON.stringify(directories.hintsDirectory)}
saved_caches_directory: ${JSON.stringify(directories.savedCachesDirectory)}
cdc_raw_directory: ${JSON.stringify(directories.cdcDirectory)}

seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: ${JSON.stringify(config.seeds.join(","))}

# Addresses and ports.
listen_address: ${ports.address}
storage_port: ${ports.storagePort}
ssl_storage_port: ${ports.tlsStoragePort}
start_native_transport: true
rpc_address: ${ports.address}
native_transport_port: ${ports.cqlPort}

endpoint_snitch: GossipingPropertyFileSnitch

# Small segments: one is archived only when it is full or the node stops.
commitlog_sync: periodic
${Object.entries({ ...sizes(config.version), ...timeouts(config.version) })
  .map(([name, value]) => `${name}: ${value}`)
  .join("\n")}
${storageFormat(config)}`;
  const document = parseDocument(text);
  for (const [name, value] of Object.entries(config.extra)) document.set(name, document.createNode(value));
  return document.toString({ lineWidth: 0 });
}

/** 4.1 renamed most settings and put the units into the values; 4.0 knows only the old names. */
function sizes(version: CassandraVersion): Readonly<Record<string, string | number | boolean>> {
  if (version === "4.0") {
    return {
      commitlog_sync_period_in_ms: 1000,
      commitlog_segment_size_in_mb: 8,
      commitlog_total_space_in_mb: 256,
      file_cache_size_in_mb: 32,
      key_cache_size_in_mb: 4,
      memtable_heap_space_in_mb: 64,
      memtable_offheap_space_in_mb: 64,
      enable_materialized_views: true,
      enable_sasi_indexes: true,
      enable_user_defined_functions: true,
    };
  }
  return {
    commitlog_sync_period: "1000ms",
    commitlog_segment_size: "8MiB",
    commitlog_total_space: "256MiB",
    file_cache_size: "32MiB",
    key_cache_size: "4MiB",
    memtable_heap_space: "64MiB",
    memtable_offheap_space: "64MiB",
    materialized_views_enabled: true,
    sasi_indexes_enabled: true,
    user_defined_functions_enabled: true,
  };
}

/**
 * A machine that is shared may be a hundred times slower than an idle one: requests take as long as they take. Without
 * `native_transport_timeout`, which 4.1.6 added, requests fail after 12 s whatever the other settings say.
 */
function timeouts(version: CassandraVersion): Readonly<Record<string, string | number>> {
  const names = ["read", "range", "write", "counter_write", "truncate"].map((name) => `${name}_request_timeout`);
  const all = [...names, "request_timeout", "cas_contention_timeout"];
  if (version === "4.0") return Object.fromEntries(all.map((name) => [`${name}_in_ms`, requestTimeoutSeconds * 1000]));
  return Object.fromEntries([...all, "native_transport_timeout"].map((name) => [name, `${requestTimeoutSeconds}s`]));
}

/** BTI is written only when the node need not share its files with a 4.x node; it names SSTables by UUID. */
function storageFormat(config: NodeConfig): string {
  if (config.sstableFormat === "big") return "";
  return `
# Trie-indexed SSTables, with identifiers that are unique across nodes.
storage_compatibility_mode: NONE
uuid_sstable_identifiers_enabled: true
sstable:
  selected_format: bti
`;
}

const commitLogArchiving = `# Runs when a commit log segment is complete: %path is the segment, %name its name.
archive_command=
# Runs at start for every segment to replay: %from is the archived segment, %to where it goes.
restore_command=
# Where archived segments are, separated by commas.
restore_directories=
# Mutations up to this point are replayed: yyyy:MM:dd HH:mm:ss, UTC.
restore_point_in_time=
# The unit of the timestamps that clients give.
precision=MICROSECONDS
`;

const logback = `<configuration scan="false">
  <appender name="SYSTEM" class="ch.qos.logback.core.FileAppender">
    <file>\${cassandra.logdir}/system.log</file>
    <encoder>
      <pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern>
    </encoder>
  </appender>
  <root level="INFO">
    <appender-ref ref="SYSTEM"/>
  </root>
</configuration>
`;
