/** From what was given, in texts, to typed values: who gives an option first, wins; then it is parsed, once. */
import { AppError } from "../../errors.ts";
import { dashed, isOption, type Option, type OptionTree, type Values } from "./option.ts";

/** What one source (command line, environment, configuration file, JSON) gives, by key of the flat option table. */
export type Source = ReadonlyMap<string, Given>;

export interface Given {
  /** At least one. */
  readonly texts: readonly string[];
  /** Named in complaints: "--duration", "ESOP_DURATION", "duration in /etc/esop.yaml". */
  readonly origin: string;
}

export function resolveValues<Tree extends OptionTree>(
  tree: Tree,
  sources: readonly Source[],
  prefix = "",
): Values<Tree> {
  const values: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(tree)) {
    const key = `${prefix}${name}`;
    values[name] = isOption(entry)
      ? resolveOption(entry, firstGiven(key, sources))
      : resolveValues(entry, sources, `${key}.`);
  }
  // The loop gives every key of the table the value of its own option or table, which is what Values says.
  return values as Values<Tree>;
}

function firstGiven(key: string, sources: readonly Source[]): Given | undefined {
  for (const source of sources) {
    const given = source.get(key);
    if (given !== undefined) return given;
  }
  return undefined;
}

function resolveOption<T>(option: Option<T>, given: Given | undefined): T {
  if (given === undefined) {
    if (!option.required) return option.fallback();
    throw new AppError("usage", `${dashed(option.flag)} is missing`, {
      hint: `add ${dashed(option.flag)} ${option.placeholder}, or set ${option.env[0]}`,
    });
  }
  if (option.arity !== "many" && given.texts.length > 1) {
    throw new AppError("usage", `${given.origin} is given ${given.texts.length} times`, { hint: "give it once" });
  }
  try {
    return option.parse(given.texts);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "usage") throw error;
    const hint = option.secret ? undefined : error.hint;
    const complaint = option.secret ? "the value cannot be right" : error.message;
    throw new AppError("usage", `${given.origin}: ${complaint}`, { hint });
  }
}
