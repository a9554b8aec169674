import type { Clock } from "../clock.ts";
import type { RandomBytes } from "../encryption/encryption.ts";
import type { Logger } from "../log.ts";
import type { Finding } from "../preflight/preflight.ts";
import type { Progress } from "../progress.ts";

/** The clock, log, signal and other means of a run. */
export interface AppContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  /** Aborted when the run is to stop; the reason is an AppError of code `cancelled`. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  /** Fit for keys. */
  readonly randomBytes: RandomBytes;
  /** Called with each finding of a check as soon as it is there. */
  onFinding?: ((finding: Finding) => void) | undefined;
}
