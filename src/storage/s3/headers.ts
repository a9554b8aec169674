/** Headers for the operator's settings, and for what is put beside an object. */
import { createHash } from "node:crypto";
import type { ResponseHeaders } from "../../http/http.ts";
import type { PutOptions } from "../contract.ts";
import { prefixedHeaders } from "../remote/metadata-headers.ts";
import { minClassBytes } from "../remote/store-options.ts";
import { readCustomerKey, type S3Options } from "./options.ts";

export type Headers = Readonly<Record<string, string>>;

export interface ObjectSettings {
  /** For new objects of this size, with further tags of their own. */
  created(sizeBytes: number, tags?: Readonly<Record<string, string>>): Headers;
  /** For requests about objects that are there, and for parts of uploads: servers forget the key. */
  readonly customerKey: Headers;
  /** The same for the source of a copy. */
  readonly copySource: Headers;
}

const encryption = "x-amz-server-side-encryption";
const kmsKey = `${encryption}-aws-kms-key-id`;
const storageClassHeader = "x-amz-storage-class";

/** Reads the customer's key, if there is one. Throws `usage`, `io`, `not-found`. */
export async function objectSettings(options: S3Options): Promise<ObjectSettings> {
  const { storageClass, tags = {} } = options;
  const key = options.encryption?.kind === "customer" ? await readCustomerKey(options.encryption.keyFile) : undefined;
  const customerKey = customerKeyHeaders(encryption, key);
  const always = { ...serverSide(options), ...customerKey };
  const withClass = storageClass === undefined ? always : { ...always, [storageClassHeader]: storageClass };
  return {
    created: (sizeBytes, own) => ({
      ...(sizeBytes < minClassBytes ? always : withClass),
      ...tagHeaders({ ...tags, ...own }),
    }),
    customerKey,
    copySource: customerKeyHeaders("x-amz-copy-source-server-side-encryption", key),
  };
}

function customerKeyHeaders(prefix: string, key: Buffer | undefined): Headers {
  if (key === undefined) return {};
  return {
    [`${prefix}-customer-algorithm`]: "AES256",
    [`${prefix}-customer-key`]: key.toString("base64"),
    [`${prefix}-customer-key-md5`]: createHash("md5").update(key).digest("base64"),
  };
}

/** The tags of a new object; nothing where it has none. */
export function tagHeaders(tags: Readonly<Record<string, string>>): Headers {
  return Object.keys(tags).length === 0 ? {} : { "x-amz-tagging": new URLSearchParams(tags).toString() };
}

function serverSide({ encryption: how }: S3Options): Headers {
  if (how?.kind === "s3") return { [encryption]: "AES256" };
  if (how?.kind !== "kms") return {};
  return { [encryption]: "aws:kms", ...(how.keyId === undefined ? {} : { [kmsKey]: how.keyId }) };
}

const metadataPrefix = "x-amz-meta-";

export function metadataHeaders(metadata: PutOptions["metadata"] = {}): Headers {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`${metadataPrefix}${name}`, value]));
}

export function metadataOf(headers: ResponseHeaders): Record<string, string> {
  return prefixedHeaders(headers, metadataPrefix);
}

const keptNames = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  storageClassHeader,
  kmsKey,
];

/** The headers with which a copy keeps what it would lose or change, from an answer about the original. */
export function keptHeaders(original: ResponseHeaders): Headers {
  const isCustomers = original[`${encryption}-customer-algorithm`] !== undefined;
  const names = isCustomers ? keptNames : [...keptNames, encryption];
  const kept = names.flatMap((name) => {
    const value = original[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...metadataHeaders(metadataOf(original)) };
}
