/** What concerns a container as a whole: whether it is there, what it holds, and deleting from it. */
import type { BlobDeleteOptions } from "@azure/storage-blob";
import { forEachConcurrently } from "../../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted, toAppError } from "../../errors.ts";
import { type Operation, unlessMissing } from "../../http/http.ts";
import type { CallOptions, DeleteResult, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import { type AzureContext, ask } from "./context.ts";
import { azureServiceError, reading, writing } from "./errors.ts";

/** Asks for what every backup needs, so that a signature for the container alone will do. */
export async function containerExists(context: AzureContext, options: CallOptions = {}): Promise<boolean> {
  const operation: Operation = { what: `look for ${context.description}`, permission: reading };
  const asked = ask(context, operation, options, (abortSignal) =>
    context.client.listBlobsFlat({ abortSignal }).byPage({ maxPageSize: 1 }).next(),
  );
  return (await unlessMissing(asked)) !== undefined;
}

export async function createContainer(context: AzureContext, options: CallOptions = {}): Promise<void> {
  const operation: Operation = { what: `create ${context.description}`, permission: writing };
  try {
    await ask(context, operation, options, (abortSignal) => context.client.create({ abortSignal }));
  } catch (error) {
    if (!isAppError(error, "already-exists")) throw error;
  }
}

const pageSize = 5000;

interface PageSettings {
  readonly maxPageSize: number;
  readonly continuationToken?: string;
}

/** One request for each five thousand objects. Names that no key of ours can have are passed over. */
export async function* listObjects(
  context: AzureContext,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  const listing = pages(context, options, (settings, abortSignal) =>
    context.client.listBlobsFlat({ prefix, abortSignal }).byPage(settings).next(),
  );
  for await (const { segment } of listing) {
    for (const { name: key, properties } of segment.blobItems) {
      if (!isKey(key) || !key.startsWith(prefix)) continue;
      throwIfAborted(options.signal);
      yield { key, sizeBytes: properties.contentLength ?? 0, modifiedMs: properties.lastModified.getTime() };
    }
  }
}

export async function listFolders(context: AzureContext, prefix: string, options: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  const listing = pages(context, options, (settings, abortSignal) =>
    context.client.listBlobsByHierarchy("/", { prefix, abortSignal }).byPage(settings).next(),
  );
  for await (const { segment } of listing) {
    for (const { name: folder } of segment.blobPrefixes ?? []) {
      const name = folder.slice(prefix.length, -1);
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

async function* pages<Page extends { readonly continuationToken?: string }>(
  context: AzureContext,
  options: CallOptions,
  next: (settings: PageSettings, abortSignal: AbortSignal) => Promise<IteratorResult<Page>>,
): AsyncGenerator<Page, void> {
  const operation: Operation = { what: `list ${context.description}`, permission: reading };
  let settings: PageSettings = { maxPageSize: pageSize };
  for (;;) {
    const page = await ask(context, operation, options, (abortSignal) => next(settings, abortSignal));
    if (page.done === true) return;
    yield page.value;
    const { continuationToken = "" } = page.value;
    if (continuationToken === "") return;
    if (continuationToken === settings.continuationToken) {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the listing goes on`);
    }
    settings = { maxPageSize: pageSize, continuationToken };
  }
}

/** What the store takes at most in one call. */
const maxDeletedAtOnce = 256;
/** Where it does not take several. */
const deletesAtOnce = 16;
const deletion: BlobDeleteOptions = { deleteSnapshots: "include" };

type Failure = DeleteResult["failed"][number];

/** Deletes many objects with one request, and remembers where the server does not know how. */
export class Deleter {
  readonly #context: AzureContext;
  #knowsBatches = true;

  constructor(context: AzureContext) {
    this.#context = context;
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<DeleteResult> {
    const failed: Failure[] = [];
    const distinct = [...new Set(keys)];
    for (let at = 0; at < distinct.length; at += maxDeletedAtOnce) {
      failed.push(...(await this.#deleteSome(distinct.slice(at, at + maxDeletedAtOnce), options)));
    }
    return { failed };
  }

  async #deleteSome(keys: readonly string[], options: CallOptions): Promise<readonly Failure[]> {
    if (keys.length > 1 && this.#knowsBatches) {
      try {
        return await this.#deleteBatch(keys, options);
      } catch (error) {
        if (!isAppError(error, "unsupported")) throw error;
        this.#knowsBatches = false;
      }
    }
    const failed: Failure[] = [];
    const work = async (key: string, signal: AbortSignal) => {
      const blob = this.#context.client.getBlobClient(key);
      try {
        await ask(this.#context, this.#operation(key), { signal }, (abortSignal) =>
          blob.delete({ ...deletion, abortSignal }),
        );
      } catch (error) {
        throwIfAborted(signal);
        if (!isAppError(error, "not-found")) failed.push({ key, error: toAppError(error) });
      }
    };
    await forEachConcurrently(keys, deletesAtOnce, work, options);
    return failed;
  }

  async #deleteBatch(keys: readonly string[], options: CallOptions): Promise<readonly Failure[]> {
    const { client, description } = this.#context;
    const blobs = keys.map((key) => client.getBlobClient(key));
    const operation: Operation = { what: `delete from ${description}`, permission: writing };
    const asked = ask(this.#context, operation, options, (abortSignal) =>
      client.getBlobBatchClient().deleteBlobs(blobs, { ...deletion, abortSignal }),
    );
    const answered = await unlessMissing(asked);
    if (answered === undefined) return [];
    return keys
      .map((key, index) => ({ key, ...answered.subResponses[index] }))
      .filter(({ status = 0 }) => status < 200 || status > 299)
      .map(({ key, status = 0, errorCode: code = "" }) => {
        return { key, error: azureServiceError({ status, code, message: "" }, this.#operation(key)) };
      })
      .filter(({ error }) => error.code !== "not-found");
  }

  #operation(key: string): Operation {
    return { what: `delete '${key}' from ${this.#context.description}`, permission: writing };
  }
}
