import type { Clock } from "../../clock.ts";
import { throwIfAborted } from "../../errors.ts";
import {
  type HttpAgents,
  type HttpTimeouts,
  makeAgents,
  type Operation,
  unlessMissing,
  usualTimeouts,
} from "../../http/http.ts";
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
import { ChunkBuffers } from "../remote/chunk-buffers.ts";
import { httpGet } from "../remote/http-get.ts";
import { listFolders, listObjects } from "../remote/listing.ts";
import { bucketExists, createBucket, deleteObjects, listerOf } from "./bucket.ts";
import type { GcsContext } from "./context.ts";
import { GcsCredentials } from "./credentials.ts";
import { infoOf, metadataOf, objectFields, objectPath, plainPath } from "./object.ts";
import { type GcsOptions, type GcsPlace, gcsPlace } from "./options.ts";
import { renewDate } from "./refresh.ts";
import { upload } from "./upload.ts";
import { GcsWire } from "./wire.ts";

export interface GcsStorageOptions {
  readonly bucket: string;
  readonly options: GcsOptions;
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
  /** For the chunks of large objects, which are tried again one by one; all else is left to {@link withRetries}. */
  readonly retry: RetryPolicy;
  readonly timeouts?: HttpTimeouts | undefined;
  /** Objects above this size are sent in chunks of it: a multiple of 256 KiB. */
  readonly chunkBytes?: number | undefined;
}

/**
 * Objects of a bucket of Google Cloud Storage. An object of up to 8 MiB is one request; an upload holds as much of it, a
 * read holds what a socket buffers. Throws `usage`, `io` and `not-found` for settings and files named in them that cannot
 * be right; asks nothing of anybody, so that credentials that are missing show with the first call.
 */
export async function gcsStorage(options: GcsStorageOptions): Promise<Storage> {
  checkBucketName(options.bucket);
  const { bucket, options: settings, clock, random, log, retry, timeouts = usualTimeouts } = options;
  const place = gcsPlace(settings);
  const agents = await makeAgents(settings);
  const { url } = place;
  const credentials = new GcsCredentials({ url, options: settings, agents, clock });
  const wire = new GcsWire({ url, credentials, agents, clock, timeouts });
  const description = `bucket gcp://${bucket}`;
  const context = { bucket, description, wire, options: settings, clock, random, log, retry };
  const { chunkBytes = usualChunkBytes } = options;
  return new GcsStorage(context, { credentials, agents, place, chunkBytes, buffers: new ChunkBuffers(chunkBytes) });
}

interface Means {
  readonly credentials: GcsCredentials;
  readonly agents: HttpAgents;
  readonly place: GcsPlace;
  readonly chunkBytes: number;
  readonly buffers: ChunkBuffers;
}

const usualChunkBytes = 8 * 1024 * 1024;

class GcsStorage implements Storage {
  readonly description: string;
  readonly capabilities: Capabilities = { putIfAbsent: true, metadata: true, parallelRanges: true };
  readonly #context: GcsContext;
  readonly #means: Means;

  constructor(context: GcsContext, means: Means) {
    this.description = context.description;
    this.#context = context;
    this.#means = means;
  }

  async bucketExists(options?: CallOptions): Promise<boolean> {
    return bucketExists(this.#context, options);
  }

  async createBucket(options?: CallOptions): Promise<void> {
    const { credentials, place } = this.#means;
    const operation = { what: `create ${this.description}`, permission: "storage.buckets.create" };
    const project = await credentials.project(operation, options?.signal);
    await createBucket(this.#context, { project, location: place.location }, options);
  }

  async stat(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    checkKey(key);
    const { bucket, wire } = this.#context;
    const operation = this.#operation("look for", key, "storage.objects.get");
    const query = { fields: objectFields };
    const request = {
      method: "GET",
      path: objectPath(bucket, key),
      query,
      signal: options?.signal,
      operation,
    } as const;
    const found = await unlessMissing(wire.ask(request));
    return found === undefined ? undefined : { ...infoOf(found, operation), key };
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
    const { bucket, wire } = this.#context;
    const operation = this.#operation("read", key, "storage.objects.get");
    const request = { method: "GET", path: plainPath(bucket, key), signal: options.signal, operation } as const;
    return httpGet(options, {
      what: operation.what,
      stat: () => this.stat(key, options),
      send: (how) => wire.send({ ...request, ...how }),
      metadataOf,
    });
  }

  async put(key: string, source: RewindableSource, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(key);
    throwIfAborted(options.signal);
    const operation = this.#operation("write", key, "storage.objects.create and storage.objects.delete");
    const { chunkBytes, buffers } = this.#means;
    return upload(this.#context, { key, source, options, operation, chunkBytes, buffers });
  }

  async refresh(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    const operation = this.#operation("renew", key, "storage.objects.get, .create and .delete");
    await renewDate(this.#context, key, operation, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<DeleteResult> {
    for (const key of keys) checkKey(key);
    throwIfAborted(options?.signal);
    return deleteObjects(this.#context, keys, options);
  }

  async close(): Promise<void> {
    this.#means.agents.close();
  }

  #operation(verb: string, key: string, permission: string): Operation {
    return { what: `${verb} '${key}' in ${this.description}`, permission };
  }
}
