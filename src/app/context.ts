import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";

/** What a run may use of the world. */
export interface AppContext {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted by the first SIGINT or SIGTERM; the reason is an AppError of code `cancelled`. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}
