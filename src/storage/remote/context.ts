import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";

/** The fields that the operations of every remote driver share. */
export interface RemoteContext {
  /** For people, never with a secret: "bucket s3://name". */
  readonly description: string;
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
  /** For the parts of large objects, which are tried again one by one; all else is left to the wrapper. */
  readonly retry: RetryPolicy;
}
