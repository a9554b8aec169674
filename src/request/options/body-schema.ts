/**
 * The JSON schema of a verb's body. The parser accepts whatever the schema accepts, but for checks across fields; it
 * also accepts other letter case, blanks around a value, numbers and booleans as text, one value in place of a list of
 * one, and null for a field that is left out, which the schema does not show: clients are generated from it.
 */
import type { JsonSchema } from "./json-schema.ts";
import type { Option, OptionTable } from "./option.ts";

/** `type` names the verb. General options are left out: they tell how the command line prints. */
export function bodySchema(type: string, options: OptionTable): JsonSchema {
  const properties: Record<string, JsonSchema> = { type: { const: type, description: "the name of the command" } };
  const nests = new Map<string, Record<string, JsonSchema>>();
  const required: string[] = [];
  for (const [key, option] of Object.entries(options)) {
    if (option.group === "general") continue;
    const name = option.json ?? key;
    const [nest = "", inner] = name.split(".");
    if (inner === undefined) properties[name] = fieldSchema(option);
    else nests.set(nest, { ...nests.get(nest), [inner]: fieldSchema(option) });
    if (option.required) required.push(name);
  }
  for (const [name, fields] of nests) properties[name] = objectSchema({ type: { type: "string" }, ...fields });
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...objectSchema(properties), required };
}

function objectSchema(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, additionalProperties: false };
}

function fieldSchema(option: Option<unknown>): JsonSchema {
  const { schema, help, secret } = option;
  const facts = [schema.description, lateDefault(option)].filter((fact) => fact !== undefined);
  const description = facts.length === 0 ? help : `${help} (${facts.join("; ")})`;
  return { ...schema, description, ...(secret ? { writeOnly: true } : {}) };
}

/** A default that is worked out later, or that a value does not explain. */
function lateDefault({ arity, defaultText, schema }: Option<unknown>): string | undefined {
  if (arity === "switch" || defaultText === undefined || defaultText === String(schema.default)) return undefined;
  return `default: ${defaultText}`;
}
