/** What object stores can be told beside the location, S3 above all, and the part of requests it becomes. */
import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, type Values } from "../options/option.ts";
import { type StorageLocation, speaksS3 } from "../values/storage-location.ts";
import { choice, file, named, text } from "../values/values.ts";

export interface S3Settings {
  /** "https://host:port" or "host:port"; the provider's own when left out. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** The bucket in the path instead of the host name; the kind of store decides when left out. */
  readonly pathStyle?: boolean | undefined;
  /** PEM file with certificates to trust beside the well-known ones. */
  readonly caFile?: string | undefined;
  /** Of new objects. */
  readonly storageClass?: string | undefined;
  readonly encryption?: ServerSideEncryption | undefined;
  /** Of new objects. */
  readonly tags: Readonly<Record<string, string>>;
}

/** How the store encrypts new objects. */
export type ServerSideEncryption =
  | { readonly kind: "s3" }
  | { readonly kind: "kms"; readonly keyId?: string | undefined }
  | { readonly kind: "customer"; readonly keyFile: string };

/** As stores have it: at most ten of them, of so many characters. */
export const maxTags = 10;
const maxTagName = 128;
const maxTagValue = 256;
const tagPattern = /^[\p{L}\p{N} _.:/=+@-]*$/u;

export const s3Options = {
  endpoint: optional("endpoint", named(text, "URL"), {
    group: "s3",
    defaultText: "of the provider",
    help: "URL of the store, https://host:port; S3 also reads AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL",
  }),
  region: optional("region", named(text, "NAME"), {
    group: "s3",
    help: "region of the bucket; S3 also reads AWS_REGION",
  }),
  pathStyle: defaulted("path-style", choice(["auto", "on", "off"], { true: "on", false: "off" }), "auto", {
    env: ["AWS_ENABLE_PATH_STYLE_ACCESS"],
    group: "s3",
    help: "S3: path-style addressing; auto: on, except for AWS",
  }),
  caFile: optional("ca-file", file, {
    env: ["AWS_CA_BUNDLE"],
    group: "s3",
    help: "PEM file with additional CA certificates to trust",
  }),
  storageClass: optional("storage-class", named(text, "CLASS"), {
    group: "s3",
    help: "storage class (on Azure: access tier) of new objects of 128 KiB or more",
  }),
  serverSideEncryption: optional("server-side-encryption", choice(["AES256", "aws:kms"]), {
    group: "s3",
    help: "S3: server-side encryption of new objects",
  }),
  sseKmsKeyId: optional("sse-kms-key-id", named(text, "KEY"), {
    group: "s3",
    help: "S3: KMS key for server-side encryption; the AWS managed key if omitted",
  }),
  sseCustomerKeyFile: optional("sse-customer-key-file", file, {
    group: "s3",
    help: "S3: file with a customer-provided key (SSE-C): 32 bytes, raw or base64",
  }),
  objectTags: repeatable("object-tag", named(text, "NAME=VALUE"), {
    json: "objectTags",
    group: "s3",
    help: "tag of new objects; can be repeated",
  }),
};

/** Throws `usage` for combinations that no store takes, and for what this store would silently leave undone. */
export function buildS3Settings(values: Values<typeof s3Options>, { protocol }: StorageLocation): S3Settings {
  const { endpoint, region, caFile, storageClass, pathStyle } = values;
  const encryption = buildEncryption(values);
  const tags = buildTags(values.objectTags);
  if (!speaksS3(protocol) && encryption !== undefined) {
    throw new AppError("usage", `server-side encryption as an option is of S3, not of ${protocol}`);
  }
  if (protocol === "file" && (storageClass !== undefined || Object.keys(tags).length > 0)) {
    throw new AppError("usage", `storage class and object tags are of object stores, not of ${protocol}`);
  }
  const [unreadable, hint] =
    protocol === "azure"
      ? [/^ARCHIVE$/i, "use Cool or Cold"]
      : [/^(GLACIER|DEEP_ARCHIVE)$/i, "use GLACIER_IR or STANDARD_IA"];
  if (storageClass !== undefined && unreadable.test(storageClass)) {
    throw new AppError("usage", `objects of the class ${storageClass} cannot be read when a restore needs them`, {
      hint,
    });
  }
  const inPath = pathStyle === "auto" ? undefined : pathStyle === "on";
  return { endpoint, region, caFile, storageClass, encryption, tags, pathStyle: inPath };
}

function buildEncryption(values: Values<typeof s3Options>): ServerSideEncryption | undefined {
  const { serverSideEncryption: kind, sseKmsKeyId: keyId, sseCustomerKeyFile: keyFile } = values;
  if (keyFile !== undefined) {
    if (kind === undefined && keyId === undefined) return { kind: "customer", keyFile };
    throw new AppError("usage", "--sse-customer-key-file excludes encryption with the store's own keys", {
      hint: "leave out --server-side-encryption and --sse-kms-key-id",
    });
  }
  if (kind === "AES256" && keyId !== undefined) {
    throw new AppError("usage", "--sse-kms-key-id is for aws:kms", { hint: "leave out --server-side-encryption" });
  }
  if (kind === undefined && keyId === undefined) return undefined;
  return kind === "AES256" ? { kind: "s3" } : { kind: "kms", keyId };
}

function buildTags(texts: readonly string[]): Readonly<Record<string, string>> {
  const tags = new Map<string, string>();
  for (const tag of texts) {
    const at = tag.indexOf("=");
    const [name, value] = [tag.slice(0, Math.max(at, 0)), tag.slice(at + 1)];
    if (!tagPattern.test(name + value) || name === "" || name.length > maxTagName || value.length > maxTagValue) {
      throw new AppError("usage", `'${tag}' is not an object tag`, {
        hint: "write NAME=VALUE, with letters, digits, blanks and + - = . _ : / @",
      });
    }
    if (tags.has(name)) throw new AppError("usage", `the object tag '${name}' is given twice`);
    tags.set(name, value);
  }
  if (tags.size > maxTags) throw new AppError("usage", `an object has at most ${maxTags} tags`);
  return Object.fromEntries(tags);
}
