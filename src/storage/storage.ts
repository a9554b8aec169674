/** Object stores: the contract that every driver keeps, and the way to open one. Tests find theirs in testing/. */
export type {
  ByteRange,
  ByteStream,
  CallOptions,
  Capabilities,
  DeleteResult,
  GetOptions,
  ObjectInfo,
  ObjectStream,
  PutOptions,
  ReadOptions,
  RewindableSource,
  Storage,
} from "./contract.ts";
export { checkBucketName, checkKey, checkKeyLength } from "./keys.ts";
export { objectStream } from "./object-stream.ts";
export { type BucketLocation, type OpenOptions, openStorage, type StoreProtocol } from "./open.ts";
export { endpointUrl, type StoreOptions } from "./remote/store-options.ts";
export { readCustomerKey, type S3Encryption, type S3Options } from "./s3/options.ts";
