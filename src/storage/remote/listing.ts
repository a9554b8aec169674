/** Listings that come page after page, whatever the protocol. */
import { AppError, throwIfAborted } from "../../errors.ts";
import type { Operation } from "../../http/http.ts";
import type { CallOptions, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";

export interface PageRequest {
  readonly prefix: string;
  /** Keys that have it after the prefix are rolled up into folders. */
  readonly delimiter: "/" | undefined;
  /** The end of the page before; undefined for the first page. */
  readonly marker: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface ListingPage {
  readonly objects: Iterable<ObjectInfo>;
  /** Each with the prefix before and the delimiter behind. */
  readonly folders: Iterable<string>;
  /** The marker of the next page; undefined or empty after the last. */
  readonly next: string | undefined;
}

export interface Lister {
  readonly operation: Operation;
  page(request: PageRequest, operation: Operation): Promise<ListingPage>;
}

/** One request a page. Names that no key of ours can have are passed over. */
export async function* listObjects(
  lister: Lister,
  prefix: string,
  { signal }: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  for await (const { objects } of pages(lister, { prefix, delimiter: undefined, signal })) {
    for (const info of objects) {
      if (!isKey(info.key) || !info.key.startsWith(prefix)) continue;
      throwIfAborted(signal);
      yield info;
    }
  }
}

/** The distinct names of the folders below the prefix, without it. */
export async function listFolders(lister: Lister, prefix: string, { signal }: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  for await (const { folders } of pages(lister, { prefix, delimiter: "/", signal })) {
    for (const folder of folders) {
      const name = folder.slice(prefix.length, -1);
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

async function* pages(
  { operation, page }: Lister,
  request: Omit<PageRequest, "marker">,
): AsyncGenerator<ListingPage, void> {
  const former = new Set<string>();
  let marker: string | undefined;
  do {
    const found = await page({ ...request, marker }, operation);
    yield found;
    marker = found.next === "" ? undefined : found.next;
    if (marker !== undefined && former.has(marker)) throw endlessListing(operation);
    if (marker !== undefined) former.add(marker);
  } while (marker !== undefined);
}

/** There are more objects, and no marker, or one that leads back. */
export function endlessListing({ what }: Operation): AppError {
  return new AppError("protocol", `cannot ${what}: the store does not say how the listing goes on`);
}
