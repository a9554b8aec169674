/** What concerns a bucket as a whole: whether it is there, what it holds, and deleting from it. */
import { forEachConcurrently } from "../../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import { serviceErrorOf, unlessMissing } from "../../http/http.ts";
import type { CallOptions, DeleteResult, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import type { GcsContext } from "./context.ts";
import { fieldsOf, textOf } from "./errors.ts";
import { bucketPath, infoOf, objectFields, objectPath } from "./object.ts";
import { type Fields, jsonBody } from "./wire.ts";

const deletedAtOnce = 10;

/** By a listing: the roles that are for objects do not let one look at the bucket itself. */
export async function bucketExists(context: GcsContext, options: CallOptions = {}): Promise<boolean> {
  const operation = { what: `look for ${context.description}`, permission: "storage.objects.list" };
  const path = `${bucketPath(context.bucket)}/o`;
  const query = { maxResults: "1", fields: "kind" };
  const asked = context.wire.ask({ method: "GET", path, query, signal: options.signal, operation });
  return (await unlessMissing(asked)) !== undefined;
}

/** `where`: undefined for Google's default, which is many regions of the US. */
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

/** One request for each thousand objects. Names that no key of ours can have are passed over. */
export async function* listObjects(
  context: GcsContext,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  for await (const page of pages(context, { prefix, fields: `items(${objectFields})` }, options)) {
    for (const item of arrayOf(page["items"])) {
      const info = infoOf(fieldsOf(item));
      if (!isKey(info.key) || !info.key.startsWith(prefix)) continue;
      throwIfAborted(options.signal);
      yield info;
    }
  }
}

export async function listFolders(context: GcsContext, prefix: string, options: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of pages(context, { prefix, delimiter: "/", fields: "prefixes" }, options)) {
    for (const folder of arrayOf(page["prefixes"])) {
      const name = String(folder).slice(prefix.length, -1);
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

async function* pages(
  context: GcsContext,
  { fields, ...what }: { readonly prefix: string; readonly delimiter?: string; readonly fields: string },
  options: CallOptions,
): AsyncGenerator<Fields, void> {
  const operation = { what: `list ${context.description}`, permission: "storage.objects.list" };
  const path = `${bucketPath(context.bucket)}/o`;
  let pageToken = "";
  do {
    const query = {
      ...what,
      maxResults: "1000",
      fields: `${fields},nextPageToken`,
      ...(pageToken === "" ? {} : { pageToken }),
    };
    const page = await context.wire.ask({ method: "GET", path, query, signal: options.signal, operation });
    yield page;
    const next = textOf(page, "nextPageToken");
    if (next !== "" && next === pageToken) {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the listing goes on`);
    }
    pageToken = next;
  } while (pageToken !== "");
}

/** One request for each. */
export async function deleteObjects(
  context: GcsContext,
  keys: readonly string[],
  options: CallOptions = {},
): Promise<DeleteResult> {
  const failed: { key: string; error: Error }[] = [];
  const remove = async (key: string, signal: AbortSignal) => {
    const operation = { what: `delete '${key}' from ${context.description}`, permission: "storage.objects.delete" };
    try {
      await context.wire.ask({ method: "DELETE", path: objectPath(context.bucket, key), signal, operation });
    } catch (error) {
      throwIfAborted(signal);
      if (!isAppError(error)) throw error;
      if (error.code !== "not-found") failed.push({ key, error });
    }
  };
  await forEachConcurrently(new Set(keys), deletedAtOnce, remove, options);
  return { failed };
}
