/** What object stores can be told beside the location, S3 above all, and what is derived from it. */
import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, type ValueKind, type Values, type WithDerived } from "../options/option.ts";
import { type StorageLocation, speaksS3 } from "../values/storage-location.ts";
import { choice, file, named, text } from "../values/values.ts";

/** How the store encrypts new objects. */
export type ServerSideEncryption =
  | { readonly kind: "s3" }
  | { readonly kind: "kms"; readonly keyId?: string | undefined }
  | { readonly kind: "customer"; readonly keyFile: string };

interface DerivedS3 {
  readonly encryption: ServerSideEncryption | undefined;
  /** Of new objects. */
  readonly tags: Readonly<Record<string, string>>;
}

/** What a store is told beside its location. */
export type S3Settings = WithDerived<typeof s3Table, DerivedS3>;

/** As stores have it: at most ten of them, of so many characters. */
export const maxTags = 10;
const maxTagName = 128;
const maxTagValue = 256;
const tagPattern = /^[\p{L}\p{N} _.:/=+@-]*$/u;

/** The name ends at the first "="; {@link tagsOf} refuses others, since it has to look at all of them anyway. */
const tagName = String.raw`[\p{L}\p{N} _.:/+@-]{1,${maxTagName}}`;
const tagValue = String.raw`[\p{L}\p{N} _.:/=+@-]{0,${maxTagValue}}`;
const tag: ValueKind<string> = {
  ...named(text, "NAME=VALUE"),
  schema: { type: "string", pattern: `^${tagName}=${tagValue}$` },
  mapSchema: {
    type: "object",
    propertyNames: { type: "string", pattern: `^${tagName}$` },
    additionalProperties: { type: "string", pattern: `^${tagValue}$` },
  },
};

const pathStyleChoice = choice(["auto", "on", "off"], { true: "on", false: "off" });
const pathStyleKind: ValueKind<boolean | undefined> = {
  ...pathStyleChoice,
  parse: (given) => {
    const chosen = pathStyleChoice.parse(given);
    return chosen === "auto" ? undefined : chosen === "on";
  },
};

const s3Table = {
  endpoint: optional("endpoint", named(text, "URL"), {
    json: "endpoint",
    group: "s3",
    defaultText: "of the provider",
    help: "URL of the store, https://host:port; S3 also reads AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL",
  }),
  region: optional("region", named(text, "NAME"), {
    json: "region",
    group: "s3",
    help: "region of the bucket; S3 also reads AWS_REGION",
  }),
  /** The bucket in the path instead of the host name; undefined: the kind of store decides. */
  pathStyle: defaulted("path-style", pathStyleKind, "auto", {
    env: ["AWS_ENABLE_PATH_STYLE_ACCESS"],
    json: "pathStyle",
    group: "s3",
    help: "S3: path-style addressing; auto: on, except for AWS",
  }),
  caFile: optional("ca-file", file, {
    env: ["AWS_CA_BUNDLE"],
    json: "caFile",
    group: "s3",
    help: "PEM file with additional CA certificates to trust",
  }),
  storageClass: optional("storage-class", named(text, "CLASS"), {
    json: "storageClass",
    group: "s3",
    help: "storage class (on Azure: access tier) of new objects of 128 KiB or more",
  }),
  encryption: {
    kind: optional("server-side-encryption", choice(["AES256", "aws:kms"]), {
      json: "serverSideEncryption",
      group: "s3",
      help: "S3: server-side encryption of new objects",
    }),
    keyId: optional("sse-kms-key-id", named(text, "KEY"), {
      json: "sseKmsKeyId",
      group: "s3",
      help: "S3: KMS key for server-side encryption; the AWS managed key if omitted",
    }),
    keyFile: optional("sse-customer-key-file", file, {
      json: "sseCustomerKeyFile",
      group: "s3",
      help: "S3: file with a customer-provided key (SSE-C): 32 bytes, raw or base64",
    }),
  },
  tags: repeatable("object-tag", tag, {
    json: "objectTags",
    group: "s3",
    help: "tag of new objects; can be repeated",
  }),
};

export const s3Options = { s3: s3Table };

/** Throws `usage` for combinations that no store takes, and for what this store would silently leave undone. */
export function deriveS3({ s3 }: Values<typeof s3Options>, { protocol }: StorageLocation): S3Settings {
  const { storageClass } = s3;
  const encryption = serverSideEncryption(s3.encryption);
  const tags = tagsOf(s3.tags);
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
  return { ...s3, encryption, tags };
}

function serverSideEncryption(given: Values<typeof s3Table.encryption>): ServerSideEncryption | undefined {
  const { kind, keyId, keyFile } = given;
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

function tagsOf(texts: readonly string[]): Readonly<Record<string, string>> {
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
