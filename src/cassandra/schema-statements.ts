/** Reads the statements that Cassandra writes to the schema.cql of a snapshot: only what decides whether data fits. */

export interface ColumnSchema {
  /** Without spaces: "map<text,frozen<address>>". */
  readonly type: string;
  readonly isStatic: boolean;
  readonly isDropped: boolean;
}

export interface TableSchema {
  /** 32 hex digits. */
  readonly id: string | undefined;
  readonly partitionKey: readonly string[];
  readonly clustering: readonly { readonly name: string; readonly isReversed: boolean }[];
  /** All columns, dropped ones included. */
  readonly columns: ReadonlyMap<string, ColumnSchema>;
  readonly gcGraceSeconds: number | undefined;
}

export interface ViewSchema {
  readonly baseKeyspace: string;
  readonly baseTable: string;
  /** From SELECT to the primary key. */
  readonly definition: string;
}

export interface SnapshotSchema {
  /** Undefined where Cassandra wrote the statement as a comment, since CQL cannot create the table. */
  readonly table: TableSchema | undefined;
  /** Of a materialized view. */
  readonly view: ViewSchema | undefined;
  /** The field types of each user-defined type. */
  readonly types: ReadonlyMap<string, readonly string[]>;
  /** The names of the indexes of the table. */
  readonly indexes: readonly string[];
}

const tokenPattern = /\/\*[\s\S]*?\*\/|--[^\n]*|\/\/[^\n]*|"(?:[^"]|"")*"|'(?:[^']|'')*'|\w+(?:-\w+)*|[^\s\w]/g;

export function parseSnapshotSchema(cql: string): SnapshotSchema {
  const tokens = (cql.match(tokenPattern) ?? []).filter((token) => !/^(\/\*|--|\/\/)/.test(token));
  let table: TableSchema | undefined;
  let view: ViewSchema | undefined;
  const types = new Map<string, readonly string[]>();
  const indexes: string[] = [];
  for (const statement of split(tokens, ";")) {
    const [verb = "", kind = ""] = statement.map((token) => token.toUpperCase());
    const hasTwoWords = startsWith(statement, "CREATE", "MATERIALIZED") || startsWith(statement, "CREATE", "CUSTOM");
    const rest = statement.slice(hasTwoWords ? 3 : 2);
    const named = startsWith(rest, "IF", "NOT", "EXISTS") ? rest.slice(3) : rest;
    if (verb === "CREATE" && kind === "TYPE") types.set(nameAt(named).name, fieldTypes(nameAt(named).after));
    if (verb === "CREATE" && kind === "TABLE") table ??= parseTable(nameAt(named).after);
    if (verb === "CREATE" && kind === "MATERIALIZED") view ??= parseView(nameAt(named).after);
    if (verb === "CREATE" && (kind === "INDEX" || kind === "CUSTOM")) indexes.push(nameAt(named).name);
    if (verb === "ALTER" && kind === "TABLE" && table !== undefined) table = altered(table, nameAt(named).after);
  }
  return { table, view, types, indexes };
}

function startsWith(tokens: readonly string[], ...words: readonly string[]): boolean {
  return words.every((word, index) => tokens[index]?.toUpperCase() === word);
}

/** The last part of a name "keyspace.name", and the tokens after it. */
function nameAt(tokens: readonly string[]): { keyspace: string; name: string; after: readonly string[] } {
  const [first = "", dot, second = ""] = tokens;
  if (dot !== ".") return { keyspace: "", name: unquoted(first), after: tokens.slice(1) };
  return { keyspace: unquoted(first), name: unquoted(second), after: tokens.slice(3) };
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** The tokens of the first pair of parentheses, without them, and those after it. */
function parenthesized(tokens: readonly string[]): { inside: readonly string[]; after: readonly string[] } {
  const start = tokens.indexOf("(");
  let depth = 0;
  for (let index = start; index >= 0 && index < tokens.length; index += 1) {
    if (tokens[index] === "(") depth += 1;
    if (tokens[index] === ")") depth -= 1;
    if (depth === 0) return { inside: tokens.slice(start + 1, index), after: tokens.slice(index + 1) };
  }
  return { inside: [], after: [] };
}

/** Parts between separators that are outside parentheses and angle brackets; empty ones are left out. */
function split(tokens: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token === "(" || token === "<") depth += 1;
    if (token === ")" || token === ">") depth -= 1;
    if (token === separator && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts.filter((part) => part.length > 0);
}

function fieldTypes(tokens: readonly string[]): string[] {
  return split(parenthesized(tokens).inside, ",").map((field) => field.slice(1).join(""));
}

/** The words that may follow a column's type. */
const columnWords = new Set(["STATIC", "PRIMARY", "MASKED", "CHECK", "NOT"]);

function parseTable(tokens: readonly string[]): TableSchema {
  const { inside, after } = parenthesized(tokens);
  const columns = new Map<string, ColumnSchema>();
  let key: readonly string[][] = [];
  for (const item of split(inside, ",")) {
    if (startsWith(item, "PRIMARY", "KEY")) {
      key = split(parenthesized(item).inside, ",");
      continue;
    }
    const [name = "", ...rest] = item;
    const end = rest.findIndex((token) => columnWords.has(token.toUpperCase()));
    const words = (end < 0 ? [] : rest.slice(end)).map((token) => token.toUpperCase());
    const type = (end < 0 ? rest : rest.slice(0, end)).join("");
    columns.set(unquoted(name), { type, isStatic: words.includes("STATIC"), isDropped: false });
    if (words.includes("PRIMARY")) key = [[name]];
  }
  const [first = [], ...clustering] = key;
  const partition = first[0] === "(" ? split(parenthesized(first).inside, ",") : [first];
  const reversed = reversedColumns(after);
  return {
    id: optionOf(after, "ID")?.replaceAll(/['-]/g, ""),
    partitionKey: partition.map(([name = ""]) => unquoted(name)),
    clustering: clustering.map(([name = ""]) => ({
      name: unquoted(name),
      isReversed: reversed.has(unquoted(name)),
    })),
    columns,
    gcGraceSeconds: numberOf(optionOf(after, "GC_GRACE_SECONDS")),
  };
}

function reversedColumns(options: readonly string[]): ReadonlySet<string> {
  const start = options.findIndex((_, index) =>
    startsWith(options.slice(index, index + 3), "CLUSTERING", "ORDER", "BY"),
  );
  if (start < 0) return new Set();
  const order = split(parenthesized(options.slice(start)).inside, ",");
  return new Set(order.flatMap(([name = "", how = ""]) => (how.toUpperCase() === "DESC" ? [unquoted(name)] : [])));
}

function optionOf(options: readonly string[], name: string): string | undefined {
  const index = options.findIndex((token, at) => token.toUpperCase() === name && options[at + 1] === "=");
  return index < 0 ? undefined : options[index + 2];
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function parseView(tokens: readonly string[]): ViewSchema | undefined {
  const from = tokens.findIndex((token) => token.toUpperCase() === "FROM");
  if (from < 0) return undefined;
  const { keyspace, name } = nameAt(tokens.slice(from + 1));
  const end = tokens.findIndex((token) => token.toUpperCase() === "WITH");
  return {
    baseKeyspace: keyspace,
    baseTable: name,
    definition: tokens.slice(0, end < 0 ? tokens.length : end).join(" "),
  };
}

/** ALTER TABLE … DROP column, and ADD column for one that was dropped and added again. */
function altered(table: TableSchema, [verb = "", name = "", ...rest]: readonly string[]): TableSchema {
  const columns = new Map(table.columns);
  const column = columns.get(unquoted(name));
  if (verb.toUpperCase() === "DROP" && column !== undefined)
    columns.set(unquoted(name), { ...column, isDropped: true });
  if (verb.toUpperCase() === "ADD") {
    const isStatic = rest.at(-1)?.toUpperCase() === "STATIC";
    const type = (isStatic ? rest.slice(0, -1) : rest).join("");
    columns.set(unquoted(name), { type, isStatic, isDropped: false });
  }
  return { ...table, columns };
}
