/** JSON bodies of answers, as text of others. */

export type JsonFields = Readonly<Record<string, unknown>>;

/** Undefined where the text is no JSON: servers in between answer in their own words. */
export function tryParseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The fields of what should be an object; none where it is not. */
export function fieldsOf(value: unknown): JsonFields {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** The text of a field; empty where there is none. */
export function textOf(fields: JsonFields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}
