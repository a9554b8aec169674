/** Settings of the S3 driver, and the dialects that servers speak. */
import { readFile } from "node:fs/promises";
import { AppError, fileError } from "../../errors.ts";
import { endpointUrl, type StoreOptions } from "../remote/store-options.ts";

export interface S3Options extends StoreOptions {
  /** Asked of the environment, the profile and the instance when left out. */
  readonly region?: string | undefined;
  /** The bucket in the path instead of the host name; the dialect decides when left out. */
  readonly pathStyle?: boolean | undefined;
  readonly encryption?: S3Encryption | undefined;
}

/** How the server encrypts what it stores. */
export type S3Encryption =
  | { readonly kind: "s3" }
  /** With a key of the KMS; the account's own for S3 when none is named. */
  | { readonly kind: "kms"; readonly keyId?: string | undefined }
  /** With a key that only we have: a file of 32 bytes, or of their base64 text. */
  | { readonly kind: "customer"; readonly keyFile: string };

/**
 * How a server can be made to refuse bytes that were spoiled on the way, for bodies too large to be held:
 * - "crc32-trailer": a CRC-32 after the body, which the server compares and keeps;
 * - "signed-chunks": a signature with each chunk of the body, which any server of signature version 4 compares;
 * - "hash-first": the source is read twice, first for the SHA-256 that the request's signature covers.
 */
export type S3Integrity = "crc32-trailer" | "signed-chunks" | "hash-first";

/** The properties of a kind of server, from its documentation and from tests on real ones. */
export interface S3Dialect {
  readonly name: string;
  readonly integrity: S3Integrity;
  /** Where the operator does not say. */
  readonly pathStyle: boolean;
  /** A put with `If-None-Match: *` is refused, atomically, when the key is taken. */
  readonly putIfAbsent: boolean;
  /** The same at the completion of a multipart upload. */
  readonly multipartIfAbsent: boolean;
  /** Deletion of many keys wants the old Content-MD5. */
  readonly md5OnDelete: boolean;
  /** Answers AccessDenied to a put now and then, where a folder's last object has just been deleted. */
  readonly transientAccessDenied: boolean;
  /** Not to be reached without an endpoint. */
  readonly needsEndpoint: boolean;
}

const aws: S3Dialect = {
  name: "AWS",
  integrity: "crc32-trailer",
  pathStyle: false,
  putIfAbsent: true,
  multipartIfAbsent: true,
  md5OnDelete: false,
  transientAccessDenied: false,
  needsEndpoint: false,
};

/** A server that says it speaks S3, of which nothing is known: what all of them have, and no promises. */
const compatible: S3Dialect = {
  name: "S3-compatible",
  integrity: "signed-chunks",
  pathStyle: true,
  putIfAbsent: false,
  multipartIfAbsent: false,
  md5OnDelete: true,
  transientAccessDenied: false,
  needsEndpoint: true,
};

export const s3Dialects = {
  aws,
  compatible,
  minio: { ...aws, name: "MinIO", pathStyle: true, transientAccessDenied: true, needsEndpoint: true },
  /** Refuses bodies with a trailer, takes a wrong checksum header, and looks at If-None-Match only in a plain put. */
  ceph: { ...compatible, name: "Ceph", putIfAbsent: true },
  /** Refuses bodies in chunks. */
  oracle: { ...compatible, name: "Oracle", integrity: "hash-first" },
} as const satisfies Record<string, S3Dialect>;

const awsHost = /(^|\.)amazonaws\.com(\.cn)?$/;

/**
 * Variables of AWS and of Esop fill in the options that are left out. They are of no other store, which might else send
 * its credentials to a server of S3.
 */
export function withAwsVariables(options: S3Options): S3Options {
  const { environment = {} } = options;
  const said = (...names: readonly string[]) =>
    names.map((name) => environment[name] ?? "").find((text) => text !== "");
  return {
    ...options,
    endpoint: options.endpoint ?? said("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    region: options.region ?? said("AWS_REGION", "AWS_DEFAULT_REGION"),
  };
}

/** The dialect of a protocol; `s3` with an endpoint elsewhere than at AWS may be any server. */
export function dialectOf(protocol: "s3" | "minio" | "ceph" | "oracle", options: S3Options): S3Dialect {
  if (protocol !== "s3") return s3Dialects[protocol];
  const endpoint = endpointUrl(options);
  return endpoint === undefined ? s3Dialects.aws : dialectAt(endpoint, s3Dialects.aws);
}

/** A profile may name an endpoint, too, which shows only when it has been read. */
export function dialectAt(url: URL, dialect: S3Dialect): S3Dialect {
  return dialect.name === s3Dialects.aws.name && !awsHost.test(url.hostname) ? s3Dialects.compatible : dialect;
}

/** The 32 bytes of a customer's key. Throws `io`, `not-found`, `usage`. */
export async function readCustomerKey(path: string): Promise<Buffer> {
  const content = await readFile(path).catch((error: unknown) => {
    throw fileError(error, `read ${path}`);
  });
  if (content.length === 32) return content;
  const text = content.toString("latin1").trim();
  const decoded = Buffer.from(text, "base64");
  if (decoded.length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(text)) return decoded;
  throw new AppError("usage", `${path} does not hold a key of 32 bytes`, {
    hint: "make one: openssl rand 32 > FILE; keep it well, without it nothing can be read again",
  });
}
