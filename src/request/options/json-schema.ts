/** JSON Schema 2020-12, which OpenAPI 3.1 uses: the keywords that the schemas of requests need. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly type?: JsonType | readonly JsonType[];
  readonly description?: string;
  readonly const?: JsonScalar;
  readonly enum?: readonly JsonScalar[];
  readonly default?: JsonScalar;
  readonly format?: string;
  /** ECMA-262, with the flag `u`. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly writeOnly?: boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
}

export type JsonType = "string" | "integer" | "number" | "boolean" | "array" | "object";
export type JsonScalar = string | number | boolean;
