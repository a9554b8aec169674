import type { ContainerClient } from "@azure/storage-blob";
import type { Clock } from "../../clock.ts";
import { orAborted, withDeadline } from "../../concurrency/concurrency.ts";
import { throwIfAborted } from "../../errors.ts";
import type { Operation } from "../../http/http.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";
import { azureError } from "./errors.ts";
import type { AzureWire } from "./wire.ts";

/** What all operations of one driver share. */
export interface AzureContext {
  /** "container azure://name". */
  readonly description: string;
  readonly client: ContainerClient;
  readonly wire: AzureWire;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly retry: RetryPolicy;
}

const quickMs = 60_000;

/** One call of the SDK with a deadline; its errors are ours. */
export async function ask<T>(
  { clock }: AzureContext,
  operation: Operation,
  { signal: outer, ms = quickMs }: { readonly signal?: AbortSignal | undefined; readonly ms?: number },
  work: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(outer);
  using signal = withDeadline(ms, outer, `the call to ${operation.what}`, clock);
  try {
    // What the SDK waits for within may not heed the signal.
    return await orAborted(work(signal), signal);
  } catch (error) {
    throw azureError(error, operation, signal);
  }
}
