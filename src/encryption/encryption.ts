/**
 * Encryption before anything leaves the machine, with keys that the store never has. The door of this folder. Knows
 * nothing of Cassandra or manifests: an object key is a text that an object is bound to. docs/encryption.md has the
 * formats, and what they do and do not protect.
 */

export { plainBytes } from "./format/key-tags.ts";
export type { RandomBytes } from "./format/object-format.ts";
export { isKmsEncrypted } from "./format/s3-client-format.ts";
export type { KeyLocation } from "./keys/key-folder.ts";
export { type BackupEncryptor, type Keys, type KeysOptions, type KmsKeys, openKeys } from "./keys/keys.ts";
export { type Rotation, type RotationReport, rotateKeys } from "./keys/rotate.ts";
export type { SecretSource } from "./keys/secret.ts";
export { kmsClient } from "./kms/client.ts";
export { decryptKms } from "./kms/decryption.ts";
export { type KmsEncryptorOptions, kmsEncryptor } from "./kms/encryptor.ts";
export { openKmsKeys } from "./kms/keys.ts";
export type { Kms, KmsClient, KmsClientOptions, KmsContext } from "./kms/kms.ts";
