/**
 * What may be asked of the product, and nothing else: no I/O, no clock, no environment of its own. One table a verb
 * says each option once; the command line, the environment, the configuration file, JSON bodies and help derive from
 * it. A request is immutable; sizes are bytes, times are milliseconds. Complaints are AppErrors of code `usage`.
 */
import { type BackupRequest, backupVerb } from "./backup-request.ts";
import { type CheckRequest, checkVerb } from "./check-request.ts";
import { type DemoRequest, demoVerb } from "./demo-request.ts";
import { type ListRequest, listVerb } from "./list-request.ts";
import { type RemoveRequest, removeVerb } from "./remove-request.ts";
import { type RestoreRequest, restoreVerb } from "./restore-request.ts";
import { type RotateKeyRequest, rotateVerb } from "./rotate-request.ts";
import { type ValidateStorageRequest, validateStorageVerb } from "./validate-storage-request.ts";
import type { Verb } from "./verb.ts";

export type { BackupRequest, HashAlgorithm } from "./backup-request.ts";
export type { CheckRequest } from "./check-request.ts";
export { parseConfigFile } from "./config-file.ts";
export type { DemoRequest } from "./demo-request.ts";
export type { EncryptionKey } from "./encryption-options.ts";
export {
  type Entities,
  formatEntities,
  formatTableName,
  includesTable,
  parseEntities,
  parseTableName,
  systemKeyspaces,
  type TableName,
} from "./entities.ts";
export { environmentSource, mistypedVariables } from "./environment.ts";
export { jsonSource } from "./json.ts";
export type { ListRequest } from "./list-request.ts";
export { nearest } from "./nearest.ts";
export { dashed, type Option, type OptionGroup, type OptionTable } from "./option.ts";
export type { RemoveRequest } from "./remove-request.ts";
export { checkRenames, parseRename, type Rename } from "./rename.ts";
export { type Given, resolveValues, type Source } from "./resolve.ts";
export {
  checkStrategy,
  type ImportOptions,
  type RestorePhase,
  type RestoreRequest,
  type RestoreStrategy,
} from "./restore-request.ts";
export type { RotateKeyRequest } from "./rotate-request.ts";
export type { S3Settings, ServerSideEncryption } from "./s3-options.ts";
export {
  generalOptions,
  type JmxSettings,
  type OutputSettings,
  type RequestContext,
  type RetrySettings,
  type StorageOptions,
} from "./shared-options.ts";
export { defaultSnapshotTag, parseSnapshotTag } from "./snapshot-tag.ts";
export {
  type CompleteLocation,
  completeLocation,
  formatStorageLocation,
  type LocationNode,
  type Protocol,
  parseStorageLocation,
  type StorageLocation,
  speaksS3,
} from "./storage-location.ts";
export type { ValidateStorageRequest } from "./validate-storage-request.ts";
export type { Example, Verb } from "./verb.ts";

/** The request of each verb, by the name of its command. */
export interface Requests {
  readonly backup: BackupRequest;
  readonly restore: RestoreRequest;
  readonly list: ListRequest;
  readonly "remove-backup": RemoveRequest;
  readonly check: CheckRequest;
  readonly "validate-storage": ValidateStorageRequest;
  readonly "rotate-key": RotateKeyRequest;
  readonly demo: DemoRequest;
}

export type VerbName = keyof Requests;

export const verbs: { readonly [Name in VerbName]: Verb<Requests[Name]> } = {
  backup: backupVerb,
  restore: restoreVerb,
  list: listVerb,
  "remove-backup": removeVerb,
  check: checkVerb,
  "validate-storage": validateStorageVerb,
  "rotate-key": rotateVerb,
  demo: demoVerb,
};

export function isVerbName(word: string): word is VerbName {
  return Object.hasOwn(verbs, word);
}
