import { flatten, type OptionTable, type OptionTree, type Values, type WithDerived } from "../options/option.ts";
import { resolveValues, type Source } from "../options/resolve.ts";
import { generalOptions, type RequestContext } from "./shared-options.ts";

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

export interface VerbParts<Tree extends OptionTree, Derived extends object> {
  readonly summary: string;
  readonly description: readonly string[];
  readonly examples: readonly Example[];
  /** Without the general ones, which every verb has and no request holds. */
  readonly options: Tree;
  readonly positional?: (keyof Tree & string) | undefined;
  /** Checks what no single option can see, and gives what the request holds beside or in place of plain values. */
  derive(values: Values<NoInfer<Tree>>, context: RequestContext): Derived;
}

export function defineVerb<Tree extends OptionTree, Derived extends object>(
  parts: VerbParts<Tree, Derived>,
): Verb<WithDerived<Tree, Derived>> {
  const { derive, options, ...described } = parts;
  return {
    ...described,
    options: { ...flatten(options), ...generalOptions },
    parse: (sources, context) => {
      const values = resolveValues(options, sources);
      // Not part of the request, and refused all the same when they are wrong.
      resolveValues(generalOptions, sources);
      return { ...values, ...derive(values, context) };
    },
  };
}
