/** Requests about a container as a whole: whether it is there, creating it, and listing it. */
import { isAppError } from "../../errors.ts";
import { type Operation, type OptionalFields, unlessMissing, type XmlElement } from "../../http/http.ts";
import type { CallOptions, ObjectInfo } from "../contract.ts";
import { dateMs } from "../remote/date-ms.ts";
import type { Lister } from "../remote/listing.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import { objectSize } from "../remote/object-size.ts";
import type { AzureContext } from "./context.ts";
import { reading, writing } from "./errors.ts";

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

const listingRoot = "EnumerationResults";
const pageSize = "5000";

/**
 * One request for each five thousand objects:
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
export function listerOf({ wire, description }: AzureContext): Lister {
  return {
    operation: { what: `list ${description}`, permission: reading },
    page: async ({ prefix, delimiter, marker, signal }, operation) => {
      const query: OptionalFields = {
        comp: "list",
        prefix: prefix === "" ? undefined : prefix,
        delimiter,
        marker,
        maxresults: pageSize,
      };
      const page = await wire.askXml({ method: "GET", query, signal, operation }, listingRoot);
      const entries = page.first("Blobs");
      if (entries === undefined) throw malformedAnswer(operation, "no listing of blobs");
      return {
        objects: entries
          .all("Blob")
          .filter((blob) => !isDirectory(blob.first("Properties")?.textOf("ResourceType")))
          .map((blob) => infoOf(blob, operation)),
        folders: entries.all("BlobPrefix").map((folder) => nameOf(folder, operation)),
        next: page.textOf("NextMarker"),
      };
    },
  };
}

/** Accounts with a hierarchical namespace show their directories as blobs of no bytes. */
export function isDirectory(resourceType: string | undefined): boolean {
  return resourceType?.toLowerCase() === "directory";
}

function infoOf(blob: XmlElement, operation: Operation): ObjectInfo {
  const properties = blob.first("Properties");
  return {
    key: nameOf(blob, operation),
    sizeBytes: objectSize(properties?.textOf("Content-Length"), operation),
    modifiedMs: dateMs(properties?.textOf("Last-Modified")) ?? 0,
  };
}

/** Names with characters that XML cannot have come percent-encoded. */
function nameOf(entry: XmlElement, operation: Operation): string {
  const name = entry.first("Name");
  if (name === undefined) throw malformedAnswer(operation, "a listing of blobs without names");
  if (name.attributes["Encoded"] !== "true") return name.text;
  try {
    return decodeURIComponent(name.text);
  } catch (cause) {
    throw malformedAnswer(operation, "a listing of names that cannot be decoded", cause);
  }
}
