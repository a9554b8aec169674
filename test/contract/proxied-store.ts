import type { ErrorCode } from "../../src/errors.ts";
import type { HttpTimeouts } from "../../src/http/http.ts";
import type { RetryPolicy } from "../../src/retry/retry.ts";
import type { StoreOptions } from "../../src/storage/remote/store-options.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { withRetries } from "../../src/storage/testing/testing.ts";
import { type OpenedStore, usualMeans } from "../harness/opened-store.ts";
import type { SeenRequest, Spoil } from "../harness/spoiling-proxy.ts";

export const mebibyte = 1024 * 1024;
export const retry = { maxAttempts: 4, intervalMs: 5, strategy: "linear" } as const;

export function retrying(storage: Storage): Storage {
  return withRetries(storage, { ...usualMeans, ...retry });
}

export interface ProxiedOptions {
  /** It may be missing; a new one when left out. */
  readonly bucket?: string;
  /** With an endpoint, it is not the proxy that is asked. */
  readonly settings?: Pick<StoreOptions, "endpoint" | "storageClass" | "tags">;
  readonly timeouts?: HttpTimeouts;
  readonly retry?: RetryPolicy;
  /** Large objects come in pieces of the least size ({@link ProxiedStore.pieces}). */
  readonly inPieces?: boolean;
  /** One of {@link ProxiedStore.proofs}. */
  readonly proof?: string;
}

/**
 * What a request is for, whatever its grammar. A "question" asks how far an upload in pieces has got; a "delete" is of as
 * many objects as one request takes.
 */
export type RequestKind = "put" | "get" | "stat" | "list" | "delete" | "begin" | "piece" | "end" | "question";

/** What a driver brings to the suites of faults and of requests: a real server behind a proxy, and its words. */
export interface ProxiedStore {
  open(options?: ProxiedOptions): Promise<OpenedStore>;
  /** Or, of any other kind, how it looks on the wire. */
  kindOf(request: SeenRequest): string;
  readonly refusals: Refusals;
  /** How bytes can be proved on their way. */
  readonly proofs: readonly string[];
  readonly pieces: Pieces;
  /** In which the server answers a small request, and after which a driver may give it up. */
  readonly idleMs: number;
  /** No SDK sends requests of its own, which are given up only after a minute. */
  readonly sendsAll: boolean;
  /** Nothing is sent over HTTPS before a token service, of which there is none, has given a token. */
  readonly needsToken: boolean;
  /** Opens it with a key that it does not know. Left out where the server asks for none. */
  openWithWrongKey?(secret: string): Promise<OpenedStore>;
  readonly listing: Listing;
  readonly storageClass: StorageClass;
  /** What an object was given beside its bytes, as the store has it or as the request that made it says. */
  beside(opened: OpenedStore, key: string): Promise<Beside>;
  /** The requests that renew an object, once the driver knows what the server can do. */
  readonly renewal: readonly string[];
  /** A date is a multiple of it. */
  readonly tickMs: number;
  readonly largestBytes: number;
}

/** How large objects are sent. */
export interface Pieces {
  readonly sizeBytes: number;
  /** The last piece makes the object; else a request of its own does. */
  readonly endCarriesBytes: boolean;
  /** The store compares each piece with its hash; else only the whole. */
  readonly provedAlone: boolean;
  /** The store is asked how far it has got, so that nothing arrives twice. */
  readonly asksAfterFailure: boolean;
}

export interface Refusals {
  /** Without a code, it is one of something in between that is no such store. */
  answer(request: SeenRequest, status: number, code: string): Spoil;
  /** In the store's words, each with what it comes to and whether it is worth trying again. */
  readonly coded: readonly (readonly [status: number, code: string, comesTo: ErrorCode, retryable: boolean])[];
  /** A request whose answers have no body (HEAD) is told the code as well. */
  readonly toldWithoutBody: boolean;
  /** Of status 403, with what its hints name to write an object, to look for one, and to look for the bucket. */
  readonly denied: { readonly code: string; readonly write: string; readonly look: string; readonly bucket: string };
  /** Of a deletion of a, b, c and d: a is denied, b fails in passing, c is not there, d is deleted. */
  deletion(request: SeenRequest): Spoil;
}

/** A number of objects, and how many requests list and delete them. */
export interface Listing {
  readonly objects: number;
  readonly pages: number;
  readonly deletions: number;
}

export interface StorageClass {
  readonly name: string;
  /** Where the store shows it otherwise. */
  readonly shown: string;
  /** Small objects have the bucket's default. */
  readonly onlyLarge: boolean;
}

export interface Beside {
  readonly storageClass: unknown;
  readonly tags: Readonly<Record<string, unknown>>;
}

export function isOf(store: ProxiedStore, ...kinds: readonly RequestKind[]): (request: SeenRequest) => boolean {
  return (request) => kinds.some((kind) => kind === store.kindOf(request));
}

export function kindsSeen(store: ProxiedStore, { proxy }: OpenedStore): string[] {
  return proxy.seen.map(store.kindOf);
}

/** As the headers say of the last of these requests about the key. */
export function besideInHeaders(
  { proxy }: OpenedStore,
  makes: (request: SeenRequest) => boolean,
  { key, classHeader, tagsHeader }: { readonly key: string; readonly classHeader: string; readonly tagsHeader: string },
): Beside {
  const headers = proxy.seen.findLast((request) => request.url.includes(`/${key}`) && makes(request))?.headers ?? {};
  const tags = new URLSearchParams(String(headers[tagsHeader]));
  return { storageClass: headers[classHeader], tags: Object.fromEntries(tags) };
}
