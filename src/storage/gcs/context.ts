import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";
import type { GcsOptions } from "./options.ts";
import type { GcsWire } from "./wire.ts";

/** What all operations of one driver share. */
export interface GcsContext {
  readonly bucket: string;
  /** "bucket gcp://name". */
  readonly description: string;
  readonly wire: GcsWire;
  readonly options: GcsOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly retry: RetryPolicy;
}
