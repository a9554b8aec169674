import { basename, delimiter } from "node:path";
import type { NodeDirectories } from "./config.ts";
import type { PreparedCassandra } from "./jars.ts";

export interface CommandLineOptions {
  readonly cassandra: PreparedCassandra;
  readonly directory: string;
  readonly directories: NodeDirectories;
  readonly jmxPort: number;
  readonly heapMiB: number;
  readonly extra: readonly string[];
}

/** The exports and opens that Cassandra 4.0 to 5.0 need since Java 16. */
const exportedPackages = [
  "java.base/java.lang.ref",
  "java.base/jdk.internal.misc",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.util",
  "java.base/sun.nio.ch",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "jdk.unsupported/sun.misc",
];

const openedPackages = [
  "java.base/java.io",
  "java.base/java.lang",
  "java.base/java.lang.module",
  "java.base/java.lang.ref",
  "java.base/java.lang.reflect",
  "java.base/java.net",
  "java.base/java.nio",
  "java.base/java.util",
  "java.base/java.util.concurrent",
  "java.base/java.util.concurrent.atomic",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.misc",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.util.jar",
  "java.base/sun.nio.ch",
  "jdk.management/com.sun.management.internal",
];

/** The arguments of `java` for one node. */
export function commandLine(options: CommandLineOptions): string[] {
  const { cassandra, directories } = options;
  const meter = cassandra.jars.find((jar) => basename(jar).startsWith("jamm-"));
  return [
    ...exportedPackages.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
    ...openedPackages.flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
    ...(meter === undefined ? [] : [`-javaagent:${meter}`]),
    ...virtualMachineOptions(options.heapMiB),
    "-Djdk.attach.allowAttachSelf=true",
    "-Djava.security.manager=allow",
    "-Dio.netty.tryReflectionSetAccessible=true",
    `-Djava.io.tmpdir=${directories.temporaryDirectory}`,
    ...startOptions,
    `-Dcassandra.jmx.local.port=${options.jmxPort}`,
    "-Djava.rmi.server.hostname=127.0.0.1",
    "-Dcassandra-foreground=yes",
    `-Dcassandra.logdir=${directories.logDirectory}`,
    `-Dcassandra.storagedir=${options.directory}`,
    "-Dlogback.configurationFile=logback.xml",
    ...options.extra,
    "-cp",
    [directories.configDirectory, ...cassandra.jars].join(delimiter),
    "org.apache.cassandra.service.CassandraDaemon",
  ];
}

/**
 * Chosen for a short life: the cheap compiler and collector, and a heap that starts small, since Cassandra locks what
 * is committed at its start into memory when it may.
 */
function virtualMachineOptions(heapMiB: number): string[] {
  return [
    "-Xms64m",
    `-Xmx${heapMiB}m`,
    "-Xss512k",
    "-XX:MaxDirectMemorySize=256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
  ];
}

/** Waits that a single node, or a few on one machine, can do without. */
const startOptions = [
  "-Dcassandra.skip_wait_for_gossip_to_settle=0",
  "-Dcassandra.ring_delay_ms=1000",
  "-Dcassandra.shutdown_announce_in_ms=0",
  // Cassandra measures the memory of a memtable row by making this many; the default of 100000 takes a second.
  "-Dcassandra.memtable_row_overhead_computation_step=1000",
];
