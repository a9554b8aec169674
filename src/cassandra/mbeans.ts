/**
 * Every call to Cassandra's management interface that the product makes, in one table: which bean, which operation,
 * which signature. Cassandra 6.0 moves snapshots to a bean of their own; this is where that will be said.
 */

export const beans = {
  storageService: "org.apache.cassandra.db:type=StorageService",
  storageProxy: "org.apache.cassandra.db:type=StorageProxy",
  /** Of the virtual machine itself. */
  runtime: "java.lang:type=Runtime",
  snitch: "org.apache.cassandra.db:type=EndpointSnitchInfo",
  table: (keyspace: string, table: string) => `org.apache.cassandra.db:type=Tables,keyspace=${keyspace},table=${table}`,
  tablesOf: (keyspace: string) => `org.apache.cassandra.db:type=Tables,keyspace=${keyspace},*`,
} as const;

interface Operation {
  readonly bean: string;
  readonly name: string;
  readonly signature: readonly string[];
}

const string = "java.lang.String";
const strings = "[Ljava.lang.String;";

export const operations = {
  takeSnapshot: { bean: beans.storageService, name: "takeSnapshot", signature: [string, "java.util.Map", strings] },
  clearSnapshot: { bean: beans.storageService, name: "clearSnapshot", signature: [string, strings] },
  flush: { bean: beans.storageService, name: "forceKeyspaceFlush", signature: [string, strings] },
  truncate: { bean: beans.storageService, name: "truncate", signature: [string, string] },
  loadNewSSTables: { bean: beans.storageService, name: "loadNewSSTables", signature: [string, string] },
  datacenterOf: { bean: beans.snitch, name: "getDatacenter", signature: [string] },
  rackOf: { bean: beans.snitch, name: "getRack", signature: [string] },
} as const satisfies Record<string, Operation>;

/**
 * importNewSSTables of a table's bean, newest form first: directories; reset level, clear repaired, verify SSTables,
 * verify tokens, invalidate caches, extended verify; and, except in the oldest form, copy instead of move.
 */
export const importSignatures: readonly (readonly string[])[] = [
  ["java.util.Set", ...Array<string>(7).fill("boolean")],
  ["java.util.Set", ...Array<string>(6).fill("boolean")],
];
