/**
 * What lies in the bucket for one node: its backups' manifests and the objects they name.
 * A backup exists when its manifest does: {@link NodeRepository.writeManifest} is the commit point of a backup, and
 * {@link NodeRepository.beginRemoval} takes the manifest away before any object goes, so that no manifest ever names an
 * object that a removal deleted.
 */
export { EarlierBackups } from "./earlier-backups.ts";
export { findNewestBackup, findOneBackup, matchBackups } from "./find-backup.ts";
export {
  type BackupName,
  backupName,
  type ComponentPath,
  dataPrefix,
  type NodePath,
  nodePrefix,
  objectKey,
  parseBackupName,
  parseObjectKey,
  tablePrefix,
} from "./layout.ts";
export {
  hashAlgorithmOf,
  type Manifest,
  type ManifestEntry,
  type ManifestFile,
  type ManifestTable,
  manifestEntries,
  manifestFiles,
  parseManifest,
} from "./manifest.ts";
export { checkManifestBytes, type StoredManifest } from "./manifest-file.ts";
export { describeMisplaced, findMisplacedNode, isHostId, otherNodes } from "./misplaced-node.ts";
export {
  isComponentFile,
  isKeyspaceName,
  isNodeSegment,
  isSSTableName,
  isTableId,
  isTableName,
  isToken,
} from "./names.ts";
export { newestIfEncrypted } from "./newest-encrypted.ts";
export { listNodes, NodeRepository, type StoredBackup } from "./node-repository.ts";
export { readTopologyFiles, removeTopology, type TopologyFile, type TopologyNode } from "./topology.ts";
