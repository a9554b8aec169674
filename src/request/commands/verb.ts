import type { OptionTable, Values } from "../options/option.ts";
import { resolveValues, type Source } from "../options/resolve.ts";
import type { RequestContext } from "./shared-options.ts";

/** One thing that can be asked: its options, what help says of it, and how a request comes of what was given. */
export interface Verb<Request> {
  /** One clause for the list of commands. */
  readonly summary: string;
  /** Paragraphs for the command's own help. */
  readonly description: readonly string[];
  readonly examples: readonly Example[];
  readonly options: OptionTable;
  /** Key of the option whose value may also stand behind the command by itself. */
  readonly positional?: string | undefined;
  /** The first source that gives an option wins. Throws `usage`. */
  parse(sources: readonly Source[], context: RequestContext): Request;
}

export interface Example {
  readonly says: string;
  /** Arguments after "esop". */
  readonly line: string;
}

export interface VerbParts<Table extends OptionTable, Request> {
  readonly summary: string;
  readonly description: readonly string[];
  readonly examples: readonly Example[];
  readonly options: Table;
  readonly positional?: keyof Table & string;
  /** Checks what no single option can see, and gives the values their shape. */
  build(values: Values<Table>, context: RequestContext): Request;
}

export function defineVerb<Table extends OptionTable, Request>(parts: VerbParts<Table, Request>): Verb<Request> {
  const { build, ...described } = parts;
  return {
    ...described,
    parse: (sources, context) => build(resolveValues(parts.options, sources), context),
  };
}
