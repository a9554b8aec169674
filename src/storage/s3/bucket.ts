/** Requests about a bucket as a whole: whether it is there, its objects, and deleting from it. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type SignedBody, textBody } from "../../aws/aws.ts";
import { isAppError } from "../../errors.ts";
import {
  escapeXml,
  type Operation,
  presentFields,
  serviceErrorOf,
  unlessMissing,
  type XmlElement,
} from "../../http/http.ts";
import type { CallOptions, DeleteResult } from "../contract.ts";
import { checksumText } from "../remote/checksum-text.ts";
import { endlessListing, type Lister } from "../remote/listing.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import { objectSize } from "../remote/object-size.ts";
import type { S3Context } from "./context.ts";
import { s3ErrorIn, s3ServiceError } from "./errors.ts";
import { checksumHeader } from "./payload.ts";

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

/** A date of a header or of XML in milliseconds: stat shows it in whole seconds, and the listing must show the same. */
export function wholeSeconds(date: string | undefined): number {
  const ms = Date.parse(date ?? "");
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000) * 1000;
}

/** One request for each thousand objects. */
export function listerOf({ wire, description }: S3Context): Lister {
  return {
    operation: { what: `list ${description}`, permission: "s3:ListBucket" },
    page: async ({ prefix, delimiter, marker, signal }, operation) => {
      // XML cannot carry every character of a key.
      const fields = { "list-type": "2", "encoding-type": "url", prefix, delimiter, "continuation-token": marker };
      const query = presentFields(fields);
      const page = await wire.xml({ method: "GET", query, signal, operation }, "ListBucketResult");
      const nameIn = (entry: XmlElement, element: string) => decoded(page, entry.textOf(element), operation);
      const next = isTruncated(page) ? (page.textOf("NextContinuationToken") ?? "") : undefined;
      if (next === "") throw endlessListing(operation);
      return {
        objects: page.all("Contents").map((object) => ({
          key: nameIn(object, "Key"),
          sizeBytes: objectSize(object.textOf("Size"), operation),
          modifiedMs: wholeSeconds(object.textOf("LastModified")),
        })),
        folders: page.all("CommonPrefixes").map((folder) => nameIn(folder, "Prefix")),
        next,
      };
    },
  };
}

/** There is more than this page. */
export function isTruncated(page: XmlElement): boolean {
  return page.textOf("IsTruncated")?.trim().toLowerCase() === "true";
}

function decoded(page: XmlElement, text: string | undefined, operation: Operation): string {
  if (text === undefined) throw malformedAnswer(operation, "a listing without names");
  if (page.textOf("EncodingType") !== "url") return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw malformedAnswer(operation, "a listing of names that cannot be decoded", cause);
  }
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
  const request = { method: "POST", query: { delete: "" }, headers, body, signal, operation } as const;
  const answer = await wire.xml(request, "DeleteResult").catch((error: unknown) => {
    // Where the bucket is missing, so is every object; but only the store itself tells so.
    if (isAppError(error) && serviceErrorOf(error)?.code === "NoSuchBucket") return undefined;
    throw error;
  });
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
