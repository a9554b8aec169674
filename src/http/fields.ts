/** Headers or parameters of a query, as callers write them: undefined where there is no such field. */
export type OptionalFields = Readonly<Record<string, string | undefined>>;

/** The fields that have a value. */
export function presentFields(fields: OptionalFields): Record<string, string> {
  const present: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) present[name] = value;
  return present;
}
