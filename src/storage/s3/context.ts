import type { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "../../clock.ts";
import type { Operation } from "../../http/http.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";
import { type CallLimits, call } from "./client.ts";
import type { ObjectSettings } from "./headers.ts";
import type { S3Dialect } from "./options.ts";
import type { Wire } from "./wire.ts";

/** What all operations of one driver share. */
export interface S3Context {
  readonly bucket: string;
  /** "bucket s3://name". */
  readonly description: string;
  readonly dialect: S3Dialect;
  readonly region: string;
  readonly client: S3Client;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly retry: RetryPolicy;
  readonly settings: ObjectSettings;
}

/** For calls that are answered at once. */
export const quickMs = 60_000;
/** For calls that make the server move bytes. */
export const slowMs = 15 * 60_000;

/** A call of the SDK, with a deadline. */
export function ask<T>(
  { clock, wire }: S3Context,
  operation: Operation,
  options: { readonly signal?: AbortSignal | undefined; readonly ms?: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limits: CallLimits = { signal: options.signal, ms: options.ms ?? quickMs, clock };
  return call(operation, limits, async (abortSignal) => {
    const result = await work(abortSignal);
    await wire.accepted();
    return result;
  });
}
