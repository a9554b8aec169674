/** Properties and metadata of a blob, as headers. */
import { presentFields, type ResponseHeaders, sortedQuery } from "../../http/http.ts";
import type { PutOptions } from "../contract.ts";
import { prefixedHeaders } from "../remote/metadata-headers.ts";
import { minClassBytes, type StoreOptions } from "../remote/store-options.ts";
import { type AccessTier, accessTier, checkTags } from "./options.ts";

export interface BlobSettings {
  readonly tier?: AccessTier | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** In names that the store takes. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** For a new blob of this size. Throws `usage` at once for settings that no blob can have. */
export function blobSettings(options: StoreOptions): (sizeBytes: number, put: PutOptions) => BlobSettings {
  const tier = accessTier(options);
  checkTags(options);
  return (sizeBytes, put) => {
    const metadata = Object.entries(put.metadata ?? {}).map(([name, value]) => [storedName(name), value]);
    return {
      tier: sizeBytes < minClassBytes ? undefined : tier,
      tags: { ...options.tags, ...put.tags },
      metadata: Object.fromEntries(metadata),
    };
  };
}

const metadataPrefix = "x-ms-meta-";

/** The headers of the request that makes the blob. */
export function settingHeaders({ tier, tags, metadata }: BlobSettings): Record<string, string> {
  return presentFields({
    "x-ms-access-tier": tier,
    "x-ms-tags": Object.keys(tags).length === 0 ? undefined : sortedQuery(tags),
    ...metadataHeaders(metadata),
  });
}

function metadataHeaders(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`${metadataPrefix}${name}`, value]));
}

/** The headers that give a blob the metadata which it has already. */
export function sameMetadata(headers: ResponseHeaders): Record<string, string> {
  return metadataHeaders(prefixedHeaders(headers, metadataPrefix));
}

/** As it was given to the put. */
export function metadataOf(headers: ResponseHeaders): Record<string, string> {
  const stored = Object.entries(prefixedHeaders(headers, metadataPrefix));
  return Object.fromEntries(stored.map(([name, value]) => [givenName(name), value]));
}

/** The store takes identifiers of C# only: what others have of a name becomes "_" and two hex digits, "-" is "_2d". */
function storedName(name: string): string {
  return name.replace(/[^a-z0-9]|^[0-9]/g, (char) => `_${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function givenName(name: string): string {
  return name.replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
