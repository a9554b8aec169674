/** From what was given, in texts, to typed values: who gives an option first, wins; then it is parsed, once. */
import { AppError } from "../../errors.ts";
import { dashed, type Option, type OptionTable, type Values } from "./option.ts";

/** What one source (command line, environment, configuration file, JSON) gives, by key of the option table. */
export type Source = ReadonlyMap<string, Given>;

export interface Given {
  /** At least one. */
  readonly texts: readonly string[];
  /** Named in complaints: "--duration", "ESOP_DURATION", "duration in /etc/esop.yaml". */
  readonly origin: string;
}

export function resolveValues<Table extends OptionTable>(table: Table, sources: readonly Source[]): Values<Table> {
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(table)) {
    values[key] = resolveOption(option, firstGiven(key, sources));
  }
  // The loop gives every key of the table the value of its own option, which is what Values says.
  return values as Values<Table>;
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
    throw new AppError("usage", `${given.origin}: ${complaint}`, hint === undefined ? {} : { hint });
  }
}
