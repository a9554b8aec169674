/**
 * What may be asked of the product, and nothing else: no I/O, no clock, no environment of its own. One table a verb
 * says each option once; the command line, the environment, the configuration file, JSON bodies, help and the type of
 * the request derive from it. A request is immutable; sizes are bytes, times are milliseconds. Complaints are
 * AppErrors of code `usage`.
 */
export type { BackupRequest, HashAlgorithm } from "./commands/backup.ts";
export type { CheckRequest } from "./commands/check.ts";
export type { EncryptionKey } from "./commands/encryption-options.ts";
export type { ListRequest } from "./commands/list.ts";
export type { RemoveRequest } from "./commands/remove-backup.ts";
export {
  checkStrategy,
  type ImportOptions,
  type RestorePhase,
  type RestoreRequest,
  type RestoreStrategy,
} from "./commands/restore.ts";
export type { RotateKeyRequest } from "./commands/rotate-key.ts";
export type { S3Settings, ServerSideEncryption } from "./commands/s3-options.ts";
export {
  generalOptions,
  type JmxSettings,
  type OutputSettings,
  type RequestContext,
  type RetrySettings,
  type StorageOptions,
} from "./commands/shared-options.ts";
export type { ValidateStorageRequest } from "./commands/validate-storage.ts";
export { defineVerb, type Example, type Verb } from "./commands/verb.ts";
export { isVerbName, type Requests, type VerbName, verbs } from "./commands/verbs.ts";
export { parseConfigFile, type VerbTables } from "./options/config-file.ts";
export { environmentSource, mistypedVariables } from "./options/environment.ts";
export { jsonSource } from "./options/json.ts";
export { nearest } from "./options/nearest.ts";
export {
  dashed,
  type Option,
  type OptionGroup,
  type OptionTable,
  optional,
  toggle,
  type Values,
  type WithDerived,
} from "./options/option.ts";
export { type Given, resolveValues, type Source } from "./options/resolve.ts";
export {
  type Entities,
  formatEntities,
  formatTableName,
  includesTable,
  parseEntities,
  parseTableName,
  systemKeyspaces,
  type TableName,
} from "./values/entities.ts";
export { checkRenames, parseRename, type Rename } from "./values/rename.ts";
export { defaultSnapshotTag, parseSnapshotTag } from "./values/snapshot-tag.ts";
export {
  type CompleteLocation,
  completeLocation,
  formatStorageLocation,
  type LocationNode,
  type Protocol,
  parseStorageLocation,
  type StorageLocation,
  speaksS3,
} from "./values/storage-location.ts";
export { directory } from "./values/values.ts";
