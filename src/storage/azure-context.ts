import type { ContainerClient } from "@azure/storage-blob";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../concurrency/concurrency.ts";
import { throwIfAborted } from "../errors.ts";
import type { Logger } from "../log.ts";
import { azureError } from "./azure-errors.ts";
import type { AzureWire } from "./azure-wire.ts";
import type { Doing } from "./refusals.ts";
import type { RetryPolicy } from "./retry.ts";

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
  doing: Doing,
  { signal: outer, ms = quickMs }: { readonly signal?: AbortSignal | undefined; readonly ms?: number },
  work: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(outer);
  using signal = withDeadline(ms, outer, `the call to ${doing.what}`, clock);
  try {
    return await work(signal);
  } catch (error) {
    throw azureError(error, doing, signal);
  }
}
