import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Requests, VerbName } from "../request/request.ts";
import type { Output } from "./output.ts";

/** What a command may use of the world. */
export interface CommandContext {
  readonly clock: Clock;
  /** Notes go to standard error as the operator asked: info unless --quiet, debug only with --debug. */
  readonly log: Logger;
  readonly output: Output;
  /** Aborted by the first SIGINT or SIGTERM; the reason is an AppError of code `cancelled`. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** The product's own. */
  readonly version: string;
}

/** Does what a request asks. Returning is success; a failure is thrown as AppError and becomes the exit status. */
export interface Command<Request> {
  run(request: Request, context: CommandContext): Promise<void>;
}

/** How to load the command of each verb; loading happens only when the command is to run. */
export type Registry = { readonly [Name in VerbName]?: () => Promise<Command<Requests[Name]>> };
