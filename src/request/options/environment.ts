import { nearest } from "./nearest.ts";
import { dashed, type OptionTable } from "./option.ts";
import type { Given, Source } from "./resolve.ts";

/** What the environment gives; an empty variable gives nothing, lists are separated by commas. */
export function environmentSource(
  table: OptionTable,
  environment: Readonly<Record<string, string | undefined>>,
): Source {
  const source = new Map<string, Given>();
  for (const [key, option] of Object.entries(table)) {
    const name = option.env.find((candidate) => (environment[candidate] ?? "") !== "");
    const value = name === undefined ? undefined : environment[name];
    if (name === undefined || value === undefined) continue;
    const texts = option.arity === "many" ? value.split(",").map((part) => part.trim()) : [value];
    source.set(key, { texts, origin: option.commandLine ? `${name} (for ${dashed(option.flag)})` : name });
  }
  return source;
}

/** Variables that look like a mistyped one of ours, with what was probably meant. */
export function mistypedVariables(
  tables: readonly OptionTable[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly { readonly name: string; readonly meant: string }[] {
  const known = new Set(tables.flatMap((table) => Object.values(table).flatMap((option) => option.env)));
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith("ESOP_") || known.has(name)) return [];
    const meant = nearest(name, known);
    return meant === undefined ? [] : [{ name, meant }];
  });
}
