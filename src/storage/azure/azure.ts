import type { Clock } from "../../clock.ts";
import { isAppError, throwIfAborted } from "../../errors.ts";
import {
  type HttpAgents,
  type HttpTimeouts,
  makeAgents,
  type Operation,
  type OptionalFields,
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
import { checkBucketName, checkFolderPrefix, mayHold } from "../keys.ts";
import { dateMs } from "../remote/date-ms.ts";
import { httpGet } from "../remote/http-get.ts";
import { listFolders, listObjects } from "../remote/listing.ts";
import { objectSize } from "../remote/object-size.ts";
import { defaultMaxUploads, type StoreOptions } from "../remote/store-options.ts";
import { UploadSlots } from "../remote/upload-slots.ts";
import { blockBytesOf, hashedBody, putInBlocks } from "./blocks.ts";
import { containerExists, createContainer, isDirectory, listerOf } from "./container.ts";
import type { AzureContext } from "./context.ts";
import { authorizeBy } from "./credentials.ts";
import { Deleter } from "./delete.ts";
import { reading, writing } from "./errors.ts";
import { blobSettings, metadataOf, sameMetadata, settingHeaders } from "./headers.ts";
import { checkBlobKey, findAccount } from "./options.ts";
import { AzureWire } from "./wire.ts";

export interface AzureStorageOptions {
  readonly container: string;
  readonly settings: StoreOptions;
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
  /** For the blocks of large objects, which are tried again one by one; all else is left to {@link withRetries}. */
  readonly retry: RetryPolicy;
  readonly timeouts?: HttpTimeouts | undefined;
  /** Objects above this size are sent in blocks of it, or larger ones. */
  readonly blockBytes?: number | undefined;
}

/**
 * Block blobs of a container in Azure's Blob Storage. An object of up to one block is one request. A transfer up holds
 * one block at most, 8 MiB, since the hash that the store compares goes before the bytes; one down holds what a socket
 * buffers. Dates are the store's, in whole seconds. Throws `usage`, `io` and `not-found` for settings and files named in
 * them that cannot be right, and `unauthorized` where no credentials are to be found; asks nothing of the store.
 */
export async function azureStorage(options: AzureStorageOptions): Promise<Storage> {
  checkBucketName(options.container);
  const { container, clock, random, log, retry, timeouts = usualTimeouts } = options;
  const settings = blobSettings(options.settings);
  const account = findAccount(options.settings);
  const authorize = authorizeBy(account.credential, options.settings.environment, clock);
  const agents = await makeAgents(options.settings);
  const url = new URL(account.url);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${encodeURIComponent(container)}`;
  const wire = new AzureWire({ url, authorize, agents, clock, timeouts });
  const description = `container azure://${container}`;
  const context = { description, wire, clock, random, log, retry };
  return new AzureStorage(context, { agents, settings, options });
}

interface Parts {
  readonly agents: HttpAgents;
  readonly settings: ReturnType<typeof blobSettings>;
  readonly options: AzureStorageOptions;
}

class AzureStorage implements Storage {
  readonly description: string;
  readonly capabilities: Capabilities = { putIfAbsent: true, metadata: true, parallelRanges: true };
  readonly #context: AzureContext;
  readonly #agents: HttpAgents;
  readonly #settings: Parts["settings"];
  readonly #slots: UploadSlots;
  readonly #deleter: Deleter;
  readonly #blockBytes: number | undefined;

  constructor(context: AzureContext, { agents, settings, options }: Parts) {
    this.description = context.description;
    this.#context = context;
    this.#agents = agents;
    this.#settings = settings;
    this.#slots = new UploadSlots(options.settings.maxUploads ?? defaultMaxUploads, options.retry.limit);
    this.#deleter = new Deleter(context);
    this.#blockBytes = options.blockBytes;
  }

  async bucketExists(options?: CallOptions): Promise<boolean> {
    return containerExists(this.#context, options);
  }

  async createBucket(options?: CallOptions): Promise<void> {
    await createContainer(this.#context, options);
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkBlobKey(key);
    const { wire } = this.#context;
    const operation = this.#operation("look for", key, reading);
    const found = await unlessMissing(wire.ask({ method: "HEAD", key, signal: options.signal, operation }));
    if (found === undefined) return undefined;
    const { "content-length": length, "last-modified": date } = found.headers;
    if (isDirectory(found.headers["x-ms-resource-type"])) return undefined;
    return { key, sizeBytes: objectSize(length, operation), modifiedMs: dateMs(date) ?? 0 };
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo, void> {
    if (await mayHold(this, prefix, options)) yield* listObjects(listerOf(this.#context), prefix, options);
  }

  async children(prefix: string, options?: CallOptions): Promise<readonly string[]> {
    checkFolderPrefix(prefix);
    return listFolders(listerOf(this.#context), prefix, options);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectStream> {
    checkBlobKey(key);
    const operation = this.#operation("read", key, reading);
    return httpGet(options, {
      what: operation.what,
      stat: () => this.stat(key, options),
      send: (how) => this.#context.wire.send({ method: "GET", key, ...how, operation }),
      metadataOf,
    });
  }

  async put(key: string, source: RewindableSource, options: PutOptions = {}): Promise<ObjectInfo> {
    checkBlobKey(key);
    const { signal, ifAbsent = false, resumable = true } = options;
    throwIfAborted(signal);
    const operation = this.#operation("write", key, writing);
    const blockBytes = blockBytesOf(source, this.#blockBytes);
    const settings = this.#settings(source.sizeBytes, options);
    const dated = await this.#slots.use(async () => {
      if (source.sizeBytes <= blockBytes) return this.#putWhole(key, source, options, operation);
      const put = { key, source, blockBytes, settings, ifAbsent, resumable, signal, operation };
      return putInBlocks(this.#context, this.#slots, put);
    });
    const modifiedMs = dated ?? Math.floor(this.#context.clock.now() / 1000) * 1000;
    return { key, sizeBytes: source.sizeBytes, modifiedMs };
  }

  /** Gives the blob's date, in milliseconds. */
  async #putWhole(
    key: string,
    source: RewindableSource,
    options: PutOptions,
    operation: Operation,
  ): Promise<number | undefined> {
    const { sizeBytes } = source;
    const { signal, ifAbsent = false } = options;
    const body = await hashedBody({ source, sizeBytes, signal });
    const headers: OptionalFields = {
      ...settingHeaders(this.#settings(sizeBytes, options)),
      "if-none-match": ifAbsent ? "*" : undefined,
      "x-ms-blob-type": "BlockBlob",
      // Compared by the store, and kept beside the blob for whoever reads it.
      "x-ms-blob-content-md5": body.md5.toString("base64"),
    };
    const response = await this.#context.wire.send({ method: "PUT", key, headers, body, signal, operation });
    response.discard();
    return dateMs(response.headers["last-modified"]);
  }

  /** Two requests, whatever the size: the store renews the date of a blob that gets new metadata, here its own. */
  async refresh(key: string, options: CallOptions = {}): Promise<void> {
    checkBlobKey(key);
    const operation = this.#operation("renew", key, writing);
    const request = { key, signal: options.signal, operation };
    const found = await this.#context.wire.ask({ method: "HEAD", ...request });
    const headers = { ...sameMetadata(found.headers), "if-match": found.headers["etag"] };
    try {
      await this.#context.wire.ask({ method: "PUT", ...request, query: { comp: "metadata" }, headers });
    } catch (error) {
      // Somebody has written it meanwhile, so its date is new.
      if (!isAppError(error, "already-exists")) throw error;
    }
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<DeleteResult> {
    for (const key of keys) checkBlobKey(key);
    throwIfAborted(options?.signal);
    return this.#deleter.delete(keys, options);
  }

  async close(): Promise<void> {
    this.#agents.close();
  }

  #operation(verb: string, key: string, permission: string): Operation {
    return { what: `${verb} '${key}' in ${this.description}`, permission };
  }
}
