/**
 * One option of a verb, said once: how it is written on the command line, in the environment, in the configuration
 * file and in JSON, what it may hold, and what help says of it. Tables of options are plain objects; the static type
 * of a request ({@link Values}) follows from its table, key by key, and so do the comments that editors show.
 */
import { AppError } from "../../errors.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What a text may mean. `parse` throws `usage` with a sentence that names neither the flag nor its origin. */
export interface ValueKind<T> {
  /** Stands for the value in help: "DURATION". */
  readonly placeholder: string;
  /** Of a value in JSON; its description says units and form. What it accepts, `parse` accepts as text. */
  readonly schema: JsonSchema;
  /** Of a list of values that may be written as an object in JSON: {"a": "b"} for "a=b". */
  readonly mapSchema?: JsonSchema | undefined;
  /** Of a bare number in JSON, where a text must name its unit. */
  readonly numberUnit?: string | undefined;
  /** Whether the text is itself a list, separated by commas; in a configuration file it may be a list as well. */
  readonly commas?: boolean | undefined;
  parse(text: string): T;
}

export type OptionGroup =
  | "what"
  | "storage"
  | "transfer"
  | "node"
  | "import"
  | "behaviour"
  | "cluster"
  | "encryption"
  | "retries"
  | "proxy"
  | "s3"
  | "jmx"
  | "general";

export interface Option<T> {
  /** Canonical long flag without dashes; the key in a configuration file. */
  readonly flag: string;
  /** Other spellings without dashes; those of one letter are written with one dash. */
  readonly aliases: readonly string[];
  /** Environment variables, the first is ours. */
  readonly env: readonly string[];
  /** Field in a JSON request, dotted where it is nested. Defaults to the key in the table. */
  readonly json?: string | undefined;
  readonly arity: "switch" | "one" | "many";
  readonly placeholder: string;
  /** Of the field in a JSON request, without what help says. */
  readonly schema: JsonSchema;
  /** As help shows it. */
  readonly defaultText?: string | undefined;
  readonly required: boolean;
  /** As {@link ValueKind} has it. */
  readonly numberUnit?: string | undefined;
  /** As {@link ValueKind} has it. */
  readonly commas?: boolean | undefined;
  /** The value is never printed. */
  readonly secret: boolean;
  /** Whether it may be given as a flag; else only in the environment or a file. */
  readonly commandLine: boolean;
  /** One clause: lower case, no full stop. */
  readonly help: string;
  readonly group: OptionGroup;
  /** All texts given by one source, at least one; throws `usage`. */
  parse(texts: readonly string[]): T;
  /** What holds when no source gives it; never called for a required option. */
  fallback(): T;
}

/** The options of a verb by key; those of a nested table have keys with dots ("retry.enabled"). */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** A table whose options may be grouped: a table within a table is an object within the request. */
export interface OptionTree {
  readonly [key: string]: Option<unknown> | OptionTree;
}

/** The parsed values of a table, in the shape of the table. */
export type Values<Tree extends OptionTree> = {
  readonly [Key in keyof Tree]: Tree[Key] extends Option<infer T>
    ? T
    : Tree[Key] extends OptionTree
      ? Values<Tree[Key]>
      : never;
};

/** The values of a table, with what is derived from them beside them, or in place of those of the same name. */
export type WithDerived<Tree extends OptionTree, Derived> = Omit<Values<Tree>, keyof Derived> & Derived;

export function isOption(entry: Option<unknown> | OptionTree): entry is Option<unknown> {
  return typeof entry["flag"] === "string";
}

export function flatten(tree: OptionTree, prefix = ""): OptionTable {
  const entries = Object.entries(tree).flatMap(([key, entry]): readonly (readonly [string, Option<unknown>])[] =>
    isOption(entry) ? [[`${prefix}${key}`, entry]] : Object.entries(flatten(entry, `${prefix}${key}.`)),
  );
  return Object.fromEntries(entries);
}

/** What every builder below takes beside the flag. */
export interface About {
  readonly help: string;
  readonly group: OptionGroup;
  readonly aliases?: readonly string[] | undefined;
  /** Further environment variables that are read after ours. */
  readonly env?: readonly string[] | undefined;
  readonly json?: string | undefined;
  readonly secret?: boolean | undefined;
  readonly commandLine?: boolean | undefined;
  /** Shown as the default where it is worked out later ("autosnap-<unix seconds>"). */
  readonly defaultText?: string | undefined;
}

export function environmentName(flag: string): string {
  return `ESOP_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** "--snapshot-tag", "-s". */
export function dashed(flag: string): string {
  return flag.length === 1 ? `-${flag}` : `--${flag}`;
}

function describe(flag: string, about: About) {
  return {
    flag,
    aliases: about.aliases ?? [],
    env: [environmentName(flag), ...(about.env ?? [])],
    secret: about.secret ?? false,
    commandLine: about.commandLine ?? true,
    help: about.help,
    group: about.group,
    json: about.json,
    defaultText: about.defaultText,
  };
}

const truths = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

function parseSwitch(given: string): boolean {
  const value = truths.get(given.trim().toLowerCase());
  if (value === undefined) throw new AppError("usage", `'${given}' is neither true nor false`);
  return value;
}

/** The only text of a list that the caller has checked to hold one. */
function only(texts: readonly string[]): string {
  return texts[0] ?? "";
}

/** On or off; `--flag=false` turns off what the environment or the configuration file turned on. */
export function toggle(flag: string, about: About & { readonly on?: boolean }): Option<boolean> {
  const on = about.on ?? false;
  return {
    ...describe(flag, on ? { ...about, defaultText: `on; --${flag}=false turns it off` } : about),
    arity: "switch",
    placeholder: "",
    schema: { type: "boolean", default: on },
    required: false,
    parse: (texts) => parseSwitch(only(texts)),
    fallback: () => on,
  };
}

/** On, off, or left open. */
export function maybe(flag: string, about: About): Option<boolean | undefined> {
  return {
    ...toggle(flag, about),
    defaultText: about.defaultText,
    schema: { type: "boolean" },
    fallback: () => undefined,
  };
}

function formOf({ placeholder, numberUnit, commas }: ValueKind<unknown>) {
  return { placeholder, numberUnit, commas };
}

export function optional<T>(flag: string, kind: ValueKind<T>, about: About): Option<T | undefined> {
  return {
    ...describe(flag, about),
    ...formOf(kind),
    schema: kind.schema,
    arity: "one",
    required: false,
    parse: (texts) => kind.parse(only(texts)),
    fallback: () => undefined,
  };
}

/** A number where the schema takes one. */
function jsonDefault({ type = [] }: JsonSchema, fallback: string): string | number {
  const numeric = [type].flat().some((name) => name === "integer" || name === "number");
  return numeric && /^\d+$/.test(fallback) ? Number(fallback) : fallback;
}

/** `fallback` is written as the operator would write it. */
export function defaulted<T>(flag: string, kind: ValueKind<T>, fallback: string, about: About): Option<T> {
  return {
    ...describe(flag, { defaultText: fallback, ...about }),
    ...formOf(kind),
    schema: { ...kind.schema, default: jsonDefault(kind.schema, fallback) },
    arity: "one",
    required: false,
    parse: (texts) => kind.parse(only(texts)),
    fallback: () => kind.parse(fallback),
  };
}

export function required<T>(flag: string, kind: ValueKind<T>, about: About): Option<T> {
  return {
    ...describe(flag, about),
    ...formOf(kind),
    schema: kind.schema,
    arity: "one",
    required: true,
    parse: (texts) => kind.parse(only(texts)),
    fallback: () => kind.parse(""),
  };
}

function listSchema({ schema, mapSchema }: ValueKind<unknown>): JsonSchema {
  const list = { type: "array", items: schema } as const;
  return mapSchema === undefined ? list : { anyOf: [list, mapSchema] };
}

export function repeatable<T>(flag: string, kind: ValueKind<T>, about: About): Option<readonly T[]> {
  return {
    ...describe(flag, about),
    ...formOf(kind),
    schema: listSchema(kind),
    arity: "many",
    required: false,
    parse: (texts) => texts.map((text) => kind.parse(text)),
    fallback: () => [],
  };
}
