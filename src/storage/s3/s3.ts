import type { Clock } from "../../clock.ts";
import { AppError, throwIfAborted } from "../../errors.ts";
import { type HttpAgents, type HttpTimeouts, type Operation, unlessMissing, usualTimeouts } from "../../http/http.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";
import type {
  CallOptions,
  Capabilities,
  DeleteResult,
  GetOptions,
  ObjectInfo,
  ObjectStream,
  PutOptions,
  RewindableSource,
  Storage,
} from "../contract.ts";
import { checkBucketName, checkFolderPrefix, checkKey, mayHold } from "../keys.ts";
import { httpGet } from "../remote/http-get.ts";
import { listFolders, listObjects } from "../remote/listing.ts";
import { objectSize } from "../remote/object-size.ts";
import { defaultMaxUploads } from "../remote/store-options.ts";
import { UploadSlots } from "../remote/upload-slots.ts";
import { bucketExists, createBucket, deleteObjects, listerOf, wholeSeconds } from "./bucket.ts";
import { connectS3 } from "./connect.ts";
import type { S3Context } from "./context.ts";
import { metadataHeaders, metadataOf, objectSettings } from "./headers.ts";
import { findIncomplete, type IncompleteUploads } from "./incomplete-uploads.ts";
import { partBytesOf, putInParts } from "./multipart.ts";
import { dialectAt, type S3Dialect, type S3Options } from "./options.ts";
import { makePayload } from "./payload.ts";
import { type CopySizes, Refresher } from "./refresh.ts";
import { S3Wire } from "./wire.ts";

export interface S3StorageOptions {
  readonly bucket: string;
  readonly dialect: S3Dialect;
  readonly s3: S3Options;
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
  /** For the parts of large objects, which are tried again one by one; all else is left to {@link withRetries}. */
  readonly retry: RetryPolicy;
  /**
   * So many leading segments of a key name what one machine alone writes: uploads there that were begun and never
   * finished are resumed, or aborted after a day. All are left alone when left out.
   */
  readonly ownDepth?: number | undefined;
  readonly timeouts?: HttpTimeouts | undefined;
  /** Objects above this size are sent in parts of it, or larger ones. */
  readonly partBytes?: number | undefined;
  readonly copySizes?: CopySizes | undefined;
}

/**
 * Objects of a bucket on a server that speaks S3. An object of up to one part is one request. A transfer holds less than
 * 2 MiB, whatever its size: small objects as a whole, others chunk by chunk, each part under way counting for a transfer.
 * Dates are the server's, in whole seconds; the one that a put gives is the time of its answer. Throws `usage`, `io` and
 * `not-found` for settings and files named in them that cannot be right, and `unauthorized` where no credentials are to
 * be found; asks nothing of the store.
 */
export async function s3Storage(options: S3StorageOptions): Promise<Storage> {
  checkBucketName(options.bucket);
  const { bucket, s3, clock, random, log, retry, timeouts = usualTimeouts } = options;
  const settings = await objectSettings(s3);
  const connection = await connectS3({ bucket, dialect: options.dialect, options: s3, clock });
  const { agents, region, url } = connection;
  const dialect = dialectAt(url, options.dialect);
  if (s3.encryption?.kind === "customer" && url.protocol !== "https:") {
    agents.close();
    throw new AppError("usage", "the key that only we have would go over HTTP", { hint: "reach the store over HTTPS" });
  }
  const wire = new S3Wire({ ...connection, clock, timeouts, transientAccessDenied: dialect.transientAccessDenied });
  const description = `bucket s3://${bucket}`;
  const shared = { bucket, description, dialect, region, wire, clock, random, log, retry, settings };
  return new S3Storage(shared, agents, options);
}

class S3Storage implements Storage {
  readonly description: string;
  readonly capabilities: Capabilities;
  readonly #context: S3Context;
  readonly #agents: HttpAgents;
  readonly #slots: UploadSlots;
  readonly #refresher: Refresher;
  readonly #partBytes: number | undefined;
  readonly #ownDepth: number | undefined;
  #unfinished: Promise<IncompleteUploads> | undefined;

  constructor(context: S3Context, agents: HttpAgents, options: S3StorageOptions) {
    this.description = context.description;
    this.capabilities = { putIfAbsent: context.dialect.putIfAbsent, metadata: true, parallelRanges: true };
    this.#context = context;
    this.#agents = agents;
    this.#slots = new UploadSlots(options.s3.maxUploads ?? defaultMaxUploads, options.retry.limit);
    this.#refresher = new Refresher(context, options.copySizes);
    this.#partBytes = options.partBytes;
    this.#ownDepth = options.ownDepth;
  }

  async bucketExists(options?: CallOptions): Promise<boolean> {
    return bucketExists(this.#context, options);
  }

  async createBucket(options?: CallOptions): Promise<void> {
    await createBucket(this.#context, options);
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(key);
    const { wire, settings } = this.#context;
    const operation = this.#operation("look for", key, "s3:GetObject and s3:ListBucket");
    const request = { method: "HEAD", key, headers: settings.customerKey, signal: options.signal, operation } as const;
    const found = await unlessMissing(wire.headers(request));
    if (found === undefined) return undefined;
    const sizeBytes = objectSize(found["content-length"], operation);
    return { key, sizeBytes, modifiedMs: wholeSeconds(found["last-modified"]) };
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo, void> {
    if (await mayHold(this, prefix, options)) yield* listObjects(listerOf(this.#context), prefix, options);
  }

  async children(prefix: string, options?: CallOptions): Promise<readonly string[]> {
    checkFolderPrefix(prefix);
    return listFolders(listerOf(this.#context), prefix, options);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectStream> {
    checkKey(key);
    const { wire, settings } = this.#context;
    const operation = this.#operation("read", key, "s3:GetObject");
    return httpGet(options, {
      what: operation.what,
      stat: () => this.stat(key, options),
      send: ({ headers, ...how }) =>
        wire.send({ method: "GET", key, headers: { ...settings.customerKey, ...headers }, ...how, operation }),
      metadataOf,
    });
  }

  async put(key: string, source: RewindableSource, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(key);
    throwIfAborted(options.signal);
    const operation = this.#operation("write", key, "s3:PutObject");
    const partBytes = partBytesOf(source, this.#partBytes);
    const modifiedMs = await this.#slots.use(async () => {
      if (source.sizeBytes <= partBytes) return this.#putWhole(key, source, options, operation);
      const unfinished = await this.#unfinishedBelow(key, options.signal);
      await putInParts(this.#context, this.#slots, { key, source, partBytes, unfinished, options, operation });
      return this.#context.clock.now();
    });
    return { key, sizeBytes: source.sizeBytes, modifiedMs: Math.floor(modifiedMs / 1000) * 1000 };
  }

  /** Gives the time of the answer, by the server's clock. */
  async #putWhole(key: string, source: RewindableSource, options: PutOptions, operation: Operation): Promise<number> {
    const { wire, dialect, settings, clock } = this.#context;
    const { sizeBytes } = source;
    const { signal } = options;
    if (options.ifAbsent === true && !dialect.putIfAbsent) {
      throw new AppError("unsupported", `cannot ${operation.what} only if it is absent: the store may not heed that`);
    }
    const body = await makePayload({ source, sizeBytes, signal }, dialect.integrity);
    const condition = options.ifAbsent === true ? { "if-none-match": "*" } : {};
    const asked = {
      ...settings.created(sizeBytes, options.tags),
      ...metadataHeaders(options.metadata),
      ...condition,
    };
    const { headers } = await wire.store({ method: "PUT", key, headers: asked, body, signal, operation });
    const date = Date.parse(headers["date"] ?? "");
    return Number.isNaN(date) ? clock.now() : date;
  }

  /** Asked once a run, of what this machine alone writes. */
  async #unfinishedBelow(key: string, signal: AbortSignal | undefined): Promise<IncompleteUploads | undefined> {
    const segments = key.split("/");
    if (this.#ownDepth === undefined || segments.length <= this.#ownDepth) return undefined;
    const prefix = `${segments.slice(0, this.#ownDepth).join("/")}/`;
    this.#unfinished ??= findIncomplete(this.#context, prefix, signal);
    return this.#unfinished;
  }

  async refresh(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    await this.#refresher.refresh(key, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<DeleteResult> {
    for (const key of keys) checkKey(key);
    throwIfAborted(options?.signal);
    return deleteObjects(this.#context, keys, options);
  }

  async close(): Promise<void> {
    this.#agents.close();
  }

  #operation(verb: string, key: string, permission: string): Operation {
    return { what: `${verb} '${key}' in ${this.description}`, permission };
  }
}
