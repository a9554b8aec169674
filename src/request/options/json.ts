/** Requests as JSON: the fields of a table, nested where their names are dotted, scalars as the command line has them. */
import { AppError } from "../../errors.ts";
import { nearest } from "./nearest.ts";
import type { OptionTable } from "./option.ts";
import type { Given, Source } from "./resolve.ts";

/** A scalar, or an array or map of scalars, as the texts the command line would give. Undefined: another shape. */
export function textsOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) {
    const texts = value.map(scalarText);
    return texts.every((text) => text !== undefined) ? texts : undefined;
  }
  if (isRecord(value)) {
    const pairs = Object.entries(value).map(([from, to]) => [from, scalarText(to)] as const);
    return pairs.every(([, to]) => to !== undefined) ? pairs.map(([from, to]) => `${from}=${to}`) : undefined;
  }
  const text = scalarText(value);
  return text === undefined ? undefined : [text];
}

function scalarText(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a JSON body gives. A field that is null counts as absent; `type` names the verb and is left to the caller.
 * Throws `usage` for unknown fields and impossible shapes.
 */
export function jsonSource(table: OptionTable, body: unknown): Source {
  if (!isRecord(body)) throw new AppError("usage", "the request is not a JSON object");
  const keys = new Map(Object.entries(table).map(([key, option]) => [option.json ?? key, key]));
  const nests = new Set([...keys.keys()].filter((name) => name.includes(".")).map((name) => name.split(".")[0]));
  const source = new Map<string, Given>();
  const take = (name: string, value: unknown) => {
    const key = keys.get(name);
    if (key === undefined) refuseField(name, keys.keys());
    else if (value !== null && value !== undefined) takeField(source, table, key, name, value);
  };
  for (const [name, value] of Object.entries(body)) {
    if (name === "type") continue;
    if (!nests.has(name) || !isRecord(value)) {
      take(name, value);
      continue;
    }
    for (const [inner, innerValue] of Object.entries(value)) {
      if (inner !== "type") take(`${name}.${inner}`, innerValue);
    }
  }
  return source;
}

function refuseField(name: string, known: Iterable<string>): never {
  const near = nearest(name, known);
  throw new AppError("usage", `unknown field '${name}'`, {
    hint: near === undefined ? undefined : `did you mean ${near}`,
  });
}

function takeField(source: Map<string, Given>, table: OptionTable, key: string, name: string, value: unknown): void {
  const option = table[key];
  const texts = textsOf(typeof value === "number" ? `${value}${option?.numberUnit ?? ""}` : value);
  const listed = Array.isArray(value) || isRecord(value);
  if (texts === undefined || (listed && option?.arity !== "many")) {
    throw new AppError("usage", `field '${name}' has a wrong shape`);
  }
  if (texts.length > 0) source.set(key, { texts, origin: `field '${name}'` });
}
