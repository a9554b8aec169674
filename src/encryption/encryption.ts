/** Objects that are encrypted before they leave this machine. */
export {
  type Kms,
  type KmsClient,
  type KmsClientOptions,
  type KmsContext,
  kmsClient,
  type NewDataKey,
} from "./kms-client.ts";
export { type KmsSealingOptions, kmsSealing } from "./kms-sealing.ts";
export { unsealKms } from "./kms-unsealing.ts";
export { isKmsEncrypted } from "./s3-client-format.ts";
