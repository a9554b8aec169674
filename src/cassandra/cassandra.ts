/**
 * The Cassandra node beside us: asked over JMX while it runs (node.ts; every call in one table, mbeans.ts), and read from
 * its directories and files whether it runs or not. The door of this folder; it knows nothing of repositories.
 */

export { deviceOf, existingParent, freeBytes, stagingRoot } from "../files/files.ts";
export { checkDataDirectories } from "./check-data-directories.ts";
export { type CommitLogTables, findInCommitLog, listSegments, maskTables } from "./commit-log/commit-log.ts";
export { type CassandraConfig, configFilePath, editConfig, parseConfig, readConfigFile } from "./config-file.ts";
export { type ConnectOptions, connectNode, findNode } from "./connect.ts";
export {
  type LocalFile,
  type LocalSSTable,
  listSnapshots,
  listSSTables,
  listTableDirectories,
  snapshotDirectory,
  snapshotSchema,
  type TableDirectory,
} from "./data-directories.ts";
export { CassandraNode, type ClusterHealth, type ClusterNode, type NodeFacts } from "./node.ts";
export { processUsing } from "./processes.ts";
export {
  parseSnapshotSchema,
  type SnapshotSchema,
  type TableSchema,
  type ViewSchema,
} from "./schema-statements.ts";
export { snapshotDataFiles } from "./snapshot-manifest.ts";
export {
  appearanceRank,
  type ComponentName,
  isImmutable,
  parseComponentName,
  sstableDigest,
  withGeneration,
} from "./sstable/sstable.ts";
export { missingComponent, tocComponent } from "./sstable/table-of-contents.ts";
