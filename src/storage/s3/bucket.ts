/** Requests about a bucket as a whole: whether it is there, its objects, and deleting from it. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type SignedBody, textBody } from "../../aws/aws.ts";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import { escapeXml, type Operation, serviceErrorOf, unlessMissing, type XmlElement } from "../../http/http.ts";
import type { CallOptions, DeleteResult, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import type { S3Context } from "./context.ts";
import { s3ErrorIn, s3ServiceError } from "./errors.ts";
import { checksumHeader, checksumText } from "./payload.ts";

const xmlType = "application/xml";

/** A body of XML; `content` is XML already. */
export function xmlBody(root: string, content: string): SignedBody {
  return textBody(xmlText(root, content), xmlType);
}

function xmlText(root: string, content: string): string {
  return `<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
}

export async function bucketExists({ wire, description }: S3Context, { signal }: CallOptions = {}): Promise<boolean> {
  const operation = { what: `look for ${description}`, permission: "s3:ListBucket" };
  return (await unlessMissing(wire.headers({ method: "HEAD", signal, operation }))) !== undefined;
}

export async function createBucket(context: S3Context, options: CallOptions = {}): Promise<void> {
  const operation = { what: `create ${context.description}`, permission: "s3:CreateBucket" };
  const { signal } = options;
  try {
    await context.wire.headers({ method: "PUT", body: locationBody(context), signal, operation });
  } catch (error) {
    const code = isAppError(error) ? serviceErrorOf(error)?.code : undefined;
    if (code === "BucketAlreadyOwnedByYou") return;
    if (code !== "BucketAlreadyExists") throw error;
    // Some servers say this of our own bucket, too. Another's lets us in or not; either way nothing is left to create.
    await bucketExists(context, options);
  }
}

/** The oldest region must not be named. */
function locationBody({ region }: S3Context): SignedBody | undefined {
  if (region === "us-east-1") return undefined;
  const constraint = `<LocationConstraint>${escapeXml(region)}</LocationConstraint>`;
  return xmlBody("CreateBucketConfiguration", constraint);
}

/** One request for each thousand objects. Names that no key of ours can have are passed over. */
export async function* listObjects(
  context: S3Context,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  for await (const page of pages(context, { prefix }, options)) {
    for (const object of page.all("Contents")) {
      const key = decoded(page, object.textOf("Key"));
      if (!isKey(key) || !key.startsWith(prefix)) continue;
      throwIfAborted(options.signal);
      yield {
        key,
        sizeBytes: Number(object.textOf("Size") ?? 0),
        modifiedMs: wholeSeconds(object.textOf("LastModified")),
      };
    }
  }
}

export async function listFolders(context: S3Context, prefix: string, options: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of pages(context, { prefix, delimiter: "/" }, options)) {
    for (const folder of page.all("CommonPrefixes")) {
      const name = decoded(page, folder.textOf("Prefix")).slice(prefix.length, -1);
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

/** A date of a header or of XML in milliseconds: stat shows it in whole seconds, and the listing must show the same. */
export function wholeSeconds(date: string | undefined): number {
  const ms = Date.parse(date ?? "");
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000) * 1000;
}

async function* pages(
  { wire, description }: S3Context,
  selection: { readonly prefix: string; readonly delimiter?: string },
  { signal }: CallOptions,
): AsyncGenerator<XmlElement, void> {
  const operation = { what: `list ${description}`, permission: "s3:ListBucket" };
  // XML cannot carry every character of a key.
  const first = { "list-type": "2", "encoding-type": "url", ...selection };
  let token: string | undefined;
  do {
    const query = token === undefined ? first : { ...first, "continuation-token": token };
    const page = await wire.xml({ method: "GET", query, signal, operation });
    yield page;
    const next = isTruncated(page) ? page.textOf("NextContinuationToken") : undefined;
    if (isTruncated(page) && (next === undefined || next === token)) {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the listing goes on`);
    }
    token = next;
  } while (token !== undefined);
}

/** There is more than this page. */
export function isTruncated(page: XmlElement): boolean {
  return page.textOf("IsTruncated")?.trim().toLowerCase() === "true";
}

function decoded(page: XmlElement, text = ""): string {
  return page.textOf("EncodingType") === "url" ? decodeURIComponent(text.replaceAll("+", " ")) : text;
}

/** The most keys that a store takes in one call. */
const maxDeletedAtOnce = 1000;

export async function deleteObjects(
  context: S3Context,
  keys: readonly string[],
  options: CallOptions = {},
): Promise<DeleteResult> {
  const failed: { key: string; error: Error }[] = [];
  const distinct = [...new Set(keys)];
  for (let at = 0; at < distinct.length; at += maxDeletedAtOnce) {
    failed.push(...(await deleteBatch(context, distinct.slice(at, at + maxDeletedAtOnce), options)));
  }
  return { failed };
}

async function deleteBatch(
  { wire, description, dialect }: S3Context,
  keys: readonly string[],
  { signal }: CallOptions,
): Promise<{ key: string; error: Error }[]> {
  const operation = { what: `delete from ${description}`, permission: "s3:DeleteObject" };
  const rows = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`);
  const text = xmlText("Delete", `${rows.join("")}<Quiet>true</Quiet>`);
  const body = textBody(text, xmlType);
  const headers = dialect.md5OnDelete ? md5Headers(text) : checksumHeaders(text);
  const asked = wire.xml({ method: "POST", query: { delete: "" }, headers, body, signal, operation });
  const answer = await unlessMissing(asked);
  return (answer?.all("Error") ?? [])
    .map((row) => failureOf(row, operation, description))
    .filter(({ error }) => error.code !== "not-found");
}

function failureOf(row: XmlElement, operation: Operation, description: string) {
  const key = row.textOf("Key") ?? "";
  const what = `delete '${key}' from ${description}`;
  return { key, error: s3ServiceError(s3ErrorIn(row, 0), { ...operation, what }) };
}

/** Deletion of many keys wants one of these. */
function md5Headers(text: string): Record<string, string> {
  return { "content-md5": createHash("md5").update(text).digest("base64") };
}

function checksumHeaders(text: string): Record<string, string> {
  return { "x-amz-sdk-checksum-algorithm": "CRC32", [checksumHeader]: checksumText(crc32(text)) };
}
