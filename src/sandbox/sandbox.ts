/** Real Cassandra nodes on loopback, for the demo and the tests. */
export { type CqlSession, connectCql } from "./cql.ts";
export { type PreparedCassandra, type PrepareOptions, prepareCassandra } from "./jars.ts";
export { chooseLoopbackAddress } from "./network.ts";
export { createSandbox, type Sandbox, type SandboxOptions } from "./start.ts";
export { type CassandraVersion, cassandraVersions, fullVersions } from "./versions.ts";
