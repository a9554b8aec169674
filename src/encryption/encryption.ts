/**
 * Encryption before anything leaves the machine, with keys that the store never has. The door of this folder. Knows
 * nothing of Cassandra or manifests: an object key is a text that an object is bound to. docs/encryption.md has the
 * formats, and what they do and do not protect.
 */
export type { KeyPlace } from "./key-folder.ts";
export { type BackupSealing, type Keys, type KeysOptions, type KmsKeys, openKeys } from "./keys.ts";
export { type Kms, type KmsClient, type KmsClientOptions, type KmsContext, kmsClient } from "./kms-client.ts";
export { openKmsKeys } from "./kms-keys.ts";
export { type KmsSealingOptions, kmsSealing } from "./kms-sealing.ts";
export { unsealKms } from "./kms-unsealing.ts";
export { plainBytes } from "./marks.ts";
export type { RandomBytes } from "./object-format.ts";
export { type Rotation, type RotationReport, rotateKeys } from "./rotate.ts";
export { isKmsEncrypted } from "./s3-client-format.ts";
export type { SecretSource } from "./secret.ts";
