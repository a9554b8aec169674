import { randomUUID } from "node:crypto";
import { isAppError } from "../../errors.ts";
import { heldBody, type Operation, unlessMissing } from "../../http/http.ts";
import type { CallOptions, DeleteResult } from "../contract.ts";
import { type DeleteFailure, deleteEach } from "../remote/delete-each.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import { type BatchedResponse, batchBody, parseBatch } from "./batch.ts";
import type { AzureContext } from "./context.ts";
import { azureServiceError, writing } from "./errors.ts";
import type { AzureRequest } from "./wire.ts";

/** The most that the store takes in one batch. */
const maxDeletedAtOnce = 256;
/** Where it does not take batches. */
const deletesAtOnce = 16;

/** Deletes many blobs with one request, and remembers where the server does not know how. */
export class Deleter {
  readonly #context: AzureContext;
  #knowsBatches = true;

  constructor(context: AzureContext) {
    this.#context = context;
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<DeleteResult> {
    const failed: DeleteFailure[] = [];
    const distinct = [...new Set(keys)];
    for (let at = 0; at < distinct.length; at += maxDeletedAtOnce) {
      failed.push(...(await this.#deleteSome(distinct.slice(at, at + maxDeletedAtOnce), options)));
    }
    return { failed };
  }

  async #deleteSome(keys: readonly string[], options: CallOptions): Promise<readonly DeleteFailure[]> {
    if (keys.length > 1 && this.#knowsBatches) {
      try {
        return await this.#deleteBatch(keys, options);
      } catch (error) {
        if (!isAppError(error, "unsupported")) throw error;
        this.#knowsBatches = false;
      }
    }
    const remove = (key: string, signal: AbortSignal) => this.#context.wire.ask(this.#deletion(key, signal));
    return deleteEach(keys, deletesAtOnce, remove, options);
  }

  async #deleteBatch(keys: readonly string[], { signal }: CallOptions): Promise<readonly DeleteFailure[]> {
    // Where the container is missing, so is every blob.
    const responses = await unlessMissing(this.#askBatch(keys, signal));
    return (responses ?? [])
      .map((response, index) => ({ ...response, key: keys[index] ?? "" }))
      .filter(({ status }) => status < 200 || status > 299)
      .map(({ key, status, code }) => {
        return { key, error: azureServiceError({ status, code, message: "" }, this.#operation(key)) };
      })
      .filter(({ error }) => error.code !== "not-found");
  }

  async #askBatch(keys: readonly string[], signal: AbortSignal | undefined): Promise<readonly BatchedResponse[]> {
    const { wire, description } = this.#context;
    const operation: Operation = { what: `delete from ${description}`, permission: writing };
    const deletions = await Promise.all(keys.map((key) => wire.embed(this.#deletion(key, signal))));
    const boundary = `batch_${randomUUID()}`;
    const { headers, text } = await wire.ask({
      method: "POST",
      query: { comp: "batch" },
      headers: { "content-type": `multipart/mixed; boundary=${boundary}` },
      body: heldBody(Buffer.from(batchBody(boundary, "DELETE", deletions))),
      signal,
      operation,
    });
    try {
      return parseBatch(headers["content-type"], text, keys.length);
    } catch (cause) {
      throw malformedAnswer(operation, "no response to a batch", cause);
    }
  }

  #deletion(key: string, signal: AbortSignal | undefined): AzureRequest {
    const headers = { "x-ms-delete-snapshots": "include" };
    return { method: "DELETE", key, headers, signal, operation: this.#operation(key) };
  }

  #operation(key: string): Operation {
    return { what: `delete '${key}' from ${this.#context.description}`, permission: writing };
  }
}
