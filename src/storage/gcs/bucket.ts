/** Requests about a bucket as a whole: whether it is there, creating it, listing it, and deleting from it. */
import { isAppError } from "../../errors.ts";
import { fieldsOf, type Operation, serviceErrorOf, textOf, unlessMissing } from "../../http/http.ts";
import type { CallOptions, DeleteResult } from "../contract.ts";
import { deleteEach } from "../remote/delete-each.ts";
import type { Lister } from "../remote/listing.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import type { GcsContext } from "./context.ts";
import { bucketPath, infoOf, objectFields, objectPath } from "./object.ts";
import { type Fields, jsonBody } from "./wire.ts";

const deletedAtOnce = 10;

/** By a listing: the roles that are for objects do not let one look at the bucket itself. */
export async function bucketExists(context: GcsContext, options: CallOptions = {}): Promise<boolean> {
  const operation = { what: `look for ${context.description}`, permission: "storage.objects.list" };
  const path = `${bucketPath(context.bucket)}/o`;
  const query = { maxResults: "1", fields: "kind" };
  const asked = context.wire.ask({ method: "GET", path, query, signal: options.signal, operation });
  const listing = await unlessMissing(asked);
  if (listing !== undefined) checkListing(listing, operation);
  return listing !== undefined;
}

/** Without a location it is in Google's default, which is many regions of the US. */
export async function createBucket(
  context: GcsContext,
  { project, location }: { readonly project: string; readonly location: string | undefined },
  options: CallOptions = {},
): Promise<void> {
  const operation = { what: `create ${context.description}`, permission: "storage.buckets.create" };
  const resource = { name: context.bucket, location };
  const query = { project, fields: "name" };
  const request = { method: "POST", path: "/storage/v1/b", query, ...jsonBody(resource), operation } as const;
  try {
    await context.wire.ask({ ...request, signal: options.signal });
  } catch (error) {
    // There already: ours, or another's, which lets us in or not.
    if (!isAppError(error) || serviceErrorOf(error)?.status !== 409) throw error;
    await bucketExists(context, options);
  }
}

/** One request for each thousand objects. */
export function listerOf({ bucket, wire, description }: GcsContext): Lister {
  const path = `${bucketPath(bucket)}/o`;
  return {
    operation: { what: `list ${description}`, permission: "storage.objects.list" },
    page: async ({ prefix, delimiter, marker, signal }, operation) => {
      const fields = delimiter === undefined ? `items(${objectFields})` : "prefixes";
      const query = {
        prefix,
        delimiter,
        pageToken: marker,
        maxResults: "1000",
        fields: `kind,${fields},nextPageToken`,
      };
      const page = await wire.ask({ method: "GET", path, query, signal, operation });
      checkListing(page, operation);
      return {
        objects: arrayOf(page["items"]).map((item) => infoOf(fieldsOf(item), operation)),
        folders: arrayOf(page["prefixes"]).map(String),
        next: textOf(page, "nextPageToken"),
      };
    },
  };
}

/** One without objects has no other field. */
function checkListing(page: Fields, operation: Operation): void {
  if (page["kind"] !== "storage#objects") throw malformedAnswer(operation, "no listing of objects");
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export async function deleteObjects(
  { bucket, wire, description }: GcsContext,
  keys: readonly string[],
  options?: CallOptions,
): Promise<DeleteResult> {
  const remove = (key: string, signal: AbortSignal) => {
    const operation = { what: `delete '${key}' from ${description}`, permission: "storage.objects.delete" };
    return wire.ask({ method: "DELETE", path: objectPath(bucket, key), signal, operation });
  };
  return { failed: await deleteEach(keys, deletedAtOnce, remove, options) };
}
