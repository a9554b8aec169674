/** Requests about a container as a whole: whether it is there, creating it, and listing it. */
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import { type OptionalFields, unlessMissing, type XmlElement } from "../../http/http.ts";
import type { CallOptions, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import type { AzureContext } from "./context.ts";
import { reading, writing } from "./errors.ts";
import { dateMs } from "./headers.ts";
import { malformedAnswer } from "./wire.ts";

/** Asks for what every backup needs, so that a signature for the container alone will do. */
export async function containerExists(context: AzureContext, { signal }: CallOptions = {}): Promise<boolean> {
  const operation = { what: `look for ${context.description}`, permission: reading };
  const request = { method: "GET", query: { comp: "list", maxresults: "1" }, signal, operation } as const;
  return (await unlessMissing(context.wire.askXml(request, listingRoot))) !== undefined;
}

export async function createContainer(context: AzureContext, { signal }: CallOptions = {}): Promise<void> {
  const operation = { what: `create ${context.description}`, permission: writing };
  try {
    await context.wire.ask({ method: "PUT", signal, operation });
  } catch (error) {
    if (!isAppError(error, "already-exists")) throw error;
  }
}

/** One request for each five thousand objects. Names that no key of ours can have are passed over. */
export async function* listObjects(
  context: AzureContext,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  for await (const entries of pages(context, { prefix }, options)) {
    for (const blob of entries.all("Blob")) {
      const key = nameOf(blob);
      if (key === undefined) throw malformedAnswer(listing(context), "a listing of blobs without names");
      if (!isKey(key) || !key.startsWith(prefix)) continue;
      throwIfAborted(options.signal);
      const properties = blob.first("Properties");
      const sizeBytes = Number(properties?.textOf("Content-Length") ?? 0);
      yield { key, sizeBytes, modifiedMs: dateMs(properties?.textOf("Last-Modified")) ?? 0 };
    }
  }
}

export async function listFolders(context: AzureContext, prefix: string, options: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  for await (const entries of pages(context, { prefix, delimiter: "/" }, options)) {
    for (const folder of entries.all("BlobPrefix")) {
      const name = nameOf(folder)?.slice(prefix.length, -1) ?? "";
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

const listingRoot = "EnumerationResults";
const pageSize = "5000";

/**
 * The entries of a listing, page after page:
 *
 *   <EnumerationResults>
 *     <Blobs>
 *       <Blob>
 *         <Name>a/b</Name>
 *         <Properties><Last-Modified>…</Last-Modified><Content-Length>5</Content-Length>…</Properties>
 *       </Blob>
 *       <BlobPrefix><Name Encoded="true">a/%EF%BF%BE/</Name></BlobPrefix>
 *     </Blobs>
 *     <NextMarker>…</NextMarker>
 *   </EnumerationResults>
 */
async function* pages(
  context: AzureContext,
  { prefix, delimiter }: { readonly prefix: string; readonly delimiter?: string },
  { signal }: CallOptions,
): AsyncGenerator<XmlElement, void> {
  const operation = listing(context);
  let marker: string | undefined;
  do {
    const query: OptionalFields = {
      comp: "list",
      prefix: prefix === "" ? undefined : prefix,
      delimiter,
      marker,
      maxresults: pageSize,
    };
    const page = await context.wire.askXml({ method: "GET", query, signal, operation }, listingRoot);
    const entries = page.first("Blobs");
    if (entries === undefined) throw malformedAnswer(operation, "no listing of blobs");
    yield entries;
    const next = page.textOf("NextMarker") ?? "";
    if (next !== "" && next === marker) {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the listing goes on`);
    }
    marker = next;
  } while (marker !== "");
}

function listing({ description }: AzureContext) {
  return { what: `list ${description}`, permission: reading };
}

/** Names with characters that XML cannot have come percent-encoded. Undefined where there is no name. */
function nameOf(entry: XmlElement): string | undefined {
  const name = entry.first("Name");
  if (name?.attributes["Encoded"] !== "true") return name?.text;
  try {
    return decodeURIComponent(name.text);
  } catch {
    return undefined;
  }
}
