/** What the operator's settings add to requests, in the SDK's words and on the wire. */
import { createHash } from "node:crypto";
import type { ServerSideEncryption, StorageClass } from "@aws-sdk/client-s3";
import type { ResponseHeaders } from "../../http/http.ts";
import type { PutOptions } from "../contract.ts";
import { prefixedHeaders } from "../remote/metadata-headers.ts";
import { minClassBytes } from "../remote/store-options.ts";
import { readCustomerKey, type S3Options } from "./options.ts";

/** The key that a server needs for every request about the bytes of an object, and forgets. */
export interface CustomerKeyInput {
  readonly SSECustomerAlgorithm?: string;
  readonly SSECustomerKey?: string;
  readonly SSECustomerKeyMD5?: string;
}

export interface CopySourceInput {
  readonly CopySourceSSECustomerAlgorithm?: string;
  readonly CopySourceSSECustomerKey?: string;
  readonly CopySourceSSECustomerKeyMD5?: string;
}

export interface CreatedInput extends CustomerKeyInput {
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
  readonly StorageClass?: StorageClass;
  readonly Tagging?: string;
}

export interface ObjectSettings {
  /** For new objects of this size, with further tags of their own. */
  created(sizeBytes: number, tags?: Readonly<Record<string, string>>): CreatedInput;
  /** For requests about objects that are there, and for parts of uploads. */
  readonly customerKey: CustomerKeyInput;
  readonly copySource: CopySourceInput;
}

/** Reads the customer's key, if there is one. Throws `usage`, `io`, `not-found`. */
export async function objectSettings(options: S3Options): Promise<ObjectSettings> {
  const { encryption, storageClass, tags = {} } = options;
  const key = encryption?.kind === "customer" ? await readCustomerKey(encryption.keyFile) : undefined;
  const text = key?.toString("base64") ?? "";
  const md5 = key === undefined ? "" : createHash("md5").update(key).digest("base64");
  const customerKey =
    key === undefined ? {} : { SSECustomerAlgorithm: "AES256", SSECustomerKey: text, SSECustomerKeyMD5: md5 };
  const copySource = {
    CopySourceSSECustomerAlgorithm: "AES256",
    CopySourceSSECustomerKey: text,
    CopySourceSSECustomerKeyMD5: md5,
  };
  const always: CreatedInput = {
    ...serverSide(options),
    ...customerKey,
  };
  // The SDK lists the classes that it knew when it was built; a store may have others.
  const withClass = storageClass === undefined ? always : { ...always, StorageClass: storageClass as StorageClass };
  return {
    created: (sizeBytes, own) => ({
      ...(sizeBytes < minClassBytes ? always : withClass),
      ...tagging({ ...tags, ...own }),
    }),
    customerKey,
    copySource: key === undefined ? {} : copySource,
  };
}

function tagging(tags: Readonly<Record<string, string>>): CreatedInput {
  return Object.keys(tags).length === 0 ? {} : { Tagging: new URLSearchParams(tags).toString() };
}

function serverSide({ encryption }: S3Options): CreatedInput {
  if (encryption?.kind === "s3") return { ServerSideEncryption: "AES256" };
  if (encryption?.kind !== "kms") return {};
  const { keyId } = encryption;
  return { ServerSideEncryption: "aws:kms", ...(keyId === undefined ? {} : { SSEKMSKeyId: keyId }) };
}

const wireNames: Readonly<Record<keyof CreatedInput, string>> = {
  ServerSideEncryption: "x-amz-server-side-encryption",
  SSEKMSKeyId: "x-amz-server-side-encryption-aws-kms-key-id",
  SSECustomerAlgorithm: "x-amz-server-side-encryption-customer-algorithm",
  SSECustomerKey: "x-amz-server-side-encryption-customer-key",
  SSECustomerKeyMD5: "x-amz-server-side-encryption-customer-key-md5",
  StorageClass: "x-amz-storage-class",
  Tagging: "x-amz-tagging",
};

/** The same as headers. */
export function wireHeaders(input: CreatedInput): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, header] of Object.entries(wireNames)) {
    const value = new Map<string, string>(Object.entries(input)).get(name);
    if (value !== undefined) headers[header] = value;
  }
  return headers;
}

const metadataPrefix = "x-amz-meta-";

export function metadataHeaders(metadata: PutOptions["metadata"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`${metadataPrefix}${name}`, value]));
}

export function metadataOf(headers: ResponseHeaders): Record<string, string> {
  return prefixedHeaders(headers, metadataPrefix);
}
