import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";

/** What all operations of one driver share, whatever its protocol. */
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
