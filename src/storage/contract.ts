/**
 * Object stores, as the rest of the product sees them. This folder knows nothing of Cassandra or of manifests.
 *
 * Guarantees every driver gives (the contract suite in test/contract proves them):
 * - a put is all or nothing: until it has returned, the key shows its former state, and a put cut short by anything,
 *   a kill of the process included, leaves no object and nothing that is ever listed as one;
 * - a finished put is durable, and visible to get, stat and list at once; put of an existing key replaces it whole;
 * - a finished delete is durable too, so that whoever deletes the referring object first is never left the other way;
 * - absence is a value: stat gives undefined, deleting what is missing succeeds, get of what is missing is `not-found`;
 *   where the bucket is missing, stat and delete see absence, and get, put, list and children fail with `not-found`;
 * - errors are AppErrors; `retryable` says whether the same call may succeed later;
 * - every call ends soon after its signal is aborted, with the signal's reason;
 * - keys are `/`-separated, without leading slash, empty, `.` or `..` segments; a driver refuses any other (`usage`).
 */

/**
 * Bytes in order; the consumer's pace is the producer's. Each chunk is the consumer's own, unless it asked for transient
 * ones ({@link ReadOptions}).
 * Iterate it once, to the end or to a `break`: that is what lets go of the file or connection behind it.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/** The result of a read: the bytes and the metadata of the object. */
export interface ObjectStream extends ByteStream {
  /** As {@link PutOptions.metadata} had it, names in lower case; left out where the store keeps none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * `start` inclusive, `end` exclusive, in bytes. What lies past the end of an object is left out, so that a range may
 * yield fewer bytes than it spans, or none.
 */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadOptions {
  /**
   * The consumer is done with each chunk before it asks for the next, so that the producer may fill one buffer again
   * and again: less memory and a third more speed. What a driver hands to a socket is not done with so early.
   */
  readonly transient?: boolean;
  /** Nothing of this reading is sent anywhere: it costs no bandwidth. */
  readonly unthrottled?: boolean;
}

/** A source that can be read again from the start, so that a failed transfer can be retried. */
export interface RewindableSource {
  /** Exact number of bytes that `open()` yields; a driver fails a put (`corrupt`) that yields more or fewer. */
  readonly sizeBytes: number;
  /** Can only be read from its start to its end: `open` is given no range. Costs memory where it is sent in parts. */
  readonly sequential?: boolean;
  open(range?: ByteRange, options?: ReadOptions): ByteStream;
}

export interface GetOptions extends CallOptions, ReadOptions {
  readonly range?: ByteRange | undefined;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970; a refresh renews it. */
  readonly modifiedMs: number;
}

export interface PutOptions extends CallOptions {
  /** Fail with `already-exists` instead of replacing; only where {@link Capabilities.putIfAbsent} says so. */
  readonly ifAbsent?: boolean;
  /**
   * Whether an interrupted put of these bytes may be resumed by a later run, or resume an earlier one; true when left
   * out. Bytes that no other run can produce are not resumable.
   */
  readonly resumable?: boolean | undefined;
  /** Kept beside the bytes, names in lower case, all in ASCII; only where {@link Capabilities.metadata} says so. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Beside those that every object of this run gets; only where {@link Capabilities.metadata} says so. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export interface Capabilities {
  /** `ifAbsent` is atomic between machines. */
  readonly putIfAbsent: boolean;
  /** Metadata and tags can be put beside an object. */
  readonly metadata: boolean;
  /** Several ranges of one object are read faster side by side than one after the other. */
  readonly parallelRanges: boolean;
  /** How long keys may be where {@link defaultKeyLimits} do not hold. */
  readonly keyLimits?: KeyLimits;
}

/** In bytes of UTF-8. */
export interface KeyLimits {
  readonly keyBytes: number;
  /** Of a part between slashes. */
  readonly segmentBytes: number;
}

/** S3, Azure and Google limit the whole key alone. */
export const defaultKeyLimits: KeyLimits = { keyBytes: 1024, segmentBytes: 1024 };

/** Keys that could not be deleted, each with its error; every other key is gone. */
export interface DeleteResult {
  readonly failed: readonly { readonly key: string; readonly error: Error }[];
}

/** One bucket of an object store. */
export interface Storage {
  /** For people; never holds a secret. */
  readonly description: string;
  readonly capabilities: Capabilities;
  bucketExists(options?: CallOptions): Promise<boolean>;
  /** Makes the bucket where it is missing; no error where it exists. */
  createBucket(options?: CallOptions): Promise<void>;
  stat(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  /** Every object whose key starts with `prefix` (a plain text prefix, "" for all), in no promised order. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;
  /** The distinct next path segments below `prefix` (which ends with "/" or is ""), of objects deeper than one level. */
  children(prefix: string, options?: CallOptions): Promise<readonly string[]>;
  get(key: string, options?: GetOptions): Promise<ObjectStream>;
  /** The date that it gives is the store's as near as it tells without another call; stat and list show the exact one. */
  put(key: string, source: RewindableSource, options?: PutOptions): Promise<ObjectInfo>;
  /** Renews the modification date without changing the content; `not-found` if the object is not there. */
  refresh(key: string, options?: CallOptions): Promise<void>;
  delete(keys: readonly string[], options?: CallOptions): Promise<DeleteResult>;
  close(): Promise<void>;
}
