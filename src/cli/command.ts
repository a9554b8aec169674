import type { AppContext } from "../app/app.ts";
import type { RequestContext, Source, Verb } from "../request/request.ts";
import type { Output } from "./output.ts";

/** What a command may use of the world. */
export interface CommandContext extends AppContext {
  readonly output: Output;
}

/** Does what a request asks. Returning is success; a failure is thrown as AppError and becomes the exit status. */
export interface Command<Request> {
  run(request: Request, context: CommandContext): Promise<void>;
}

/** What help and the command line need to know of a verb. */
export type VerbDescription = Omit<Verb<unknown>, "parse">;

/** A command as the program sees it. */
export interface ProgramCommand {
  readonly verb: VerbDescription;
  /** Reads the request, and gives what carries it out. Throws `usage`. */
  prepare(sources: readonly Source[], context: RequestContext): (context: CommandContext) => Promise<void>;
}

/** By the word that the operator writes. */
export type Commands = Readonly<Record<string, ProgramCommand>>;

/** A verb with the code that carries it out, which is loaded when it is to run. */
export function programCommand<Request>(verb: Verb<Request>, load: () => Promise<Command<Request>>): ProgramCommand {
  return {
    verb,
    prepare: (sources, requestContext) => {
      const request = verb.parse(sources, requestContext);
      return async (context) => (await load()).run(request, context);
    },
  };
}
