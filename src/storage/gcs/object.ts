/** One object, as the JSON interface shows it and as it is asked for. */
import { encodePath, type Operation, type ResponseHeaders, textOf } from "../../http/http.ts";
import type { ObjectInfo, PutOptions } from "../contract.ts";
import { dateMs } from "../remote/date-ms.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import { prefixedHeaders } from "../remote/metadata-headers.ts";
import { objectSize } from "../remote/object-size.ts";
import type { GcsOptions } from "./options.ts";
import type { Fields } from "./wire.ts";

/** The fields requested of an object resource. */
export const objectFields = "name,size,timeCreated";

/**
 * The date of an object is that of its creation: a rewrite makes it anew, and lifecycle rules count its age from there,
 * while `updated` moves with every change of what is beside the bytes.
 */
export function infoOf(fields: Fields, operation: Operation): ObjectInfo {
  const key = textOf(fields, "name");
  if (key === "") throw malformedAnswer(operation, "without the name of an object");
  return {
    key,
    sizeBytes: objectSize(textOf(fields, "size"), operation),
    modifiedMs: dateMs(textOf(fields, "timeCreated")) ?? 0,
  };
}

export function bucketPath(bucket: string): string {
  return `/storage/v1/b/${encodeURIComponent(bucket)}`;
}

export function objectPath(bucket: string, key: string): string {
  return `${bucketPath(bucket)}/o/${encodeURIComponent(key)}`;
}

/** The metadata of an object, from the headers of the XML API. */
export function metadataOf(headers: ResponseHeaders): Record<string, string> {
  return prefixedHeaders(headers, "x-goog-meta-");
}

/** In the XML interface. */
export function plainPath(bucket: string, key: string): string {
  return `/${encodeURIComponent(bucket)}/${encodePath(key)}`;
}

/** The resource of a new object. Google has no object tags: they are stored as metadata. */
export function createdWith({ storageClass, tags }: GcsOptions, { metadata, tags: own }: PutOptions): Fields {
  const beside = { ...tags, ...own, ...metadata };
  return {
    contentType: "application/octet-stream",
    metadata: Object.keys(beside).length === 0 ? undefined : beside,
    storageClass,
  };
}
