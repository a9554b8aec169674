/** The command line, read by the option table of its verb. Throws `usage`. */
import { parseArgs } from "node:util";
import { AppError } from "../errors.ts";
import {
  dashed,
  type Given,
  generalOptions,
  nearest,
  type Option,
  type OptionTable,
  type Source,
} from "../request/request.ts";
import type { Commands, VerbDescription } from "./command.ts";

export type CommandLine =
  | { readonly kind: "nothing" }
  | { readonly kind: "help"; readonly command?: string }
  | { readonly kind: "version"; readonly source: Source }
  | { readonly kind: "command"; readonly command: string; readonly source: Source };

/** A flag's place in the table: its key, and whether it takes a value. */
interface Flag {
  readonly key: string;
  readonly takesValue: boolean;
}

const helpKey = "help";
const versionKey = "version";

export function parseCommandLine(argv: readonly string[], commands: Commands): CommandLine {
  const [first] = readTokens(argv, flagsOf(generalOptions)).positionals;
  refuseEarlyOptions(argv.slice(0, first?.index ?? argv.length), commands);
  if (first === undefined) {
    const { asked, source } = readOptions(argv, generalOptions);
    return asked === helpKey
      ? { kind: "help" }
      : asked === versionKey
        ? { kind: "version", source }
        : { kind: "nothing" };
  }
  const rest = argv.toSpliced(first.index, 1);
  if (first.value === "help") return readHelp(rest, commands);
  if (first.value === "version") return readVersion(rest);
  const command = Object.hasOwn(commands, first.value) ? commands[first.value] : undefined;
  return command === undefined ? refuseCommand(first.value, commands) : readCommand(first.value, command.verb, rest);
}

/** What other tools call these commands. They are hints only: no removal begins by a word that is not its own. */
const otherCommands: Readonly<Record<string, readonly string[]>> = {
  backup: ["snapshot", "upload", "create", "save", "dump"],
  restore: ["recover", "import", "download"],
  list: ["ls", "show", "describe", "backups", "list-backups", "catalog", "info"],
  "remove-backup": ["purge", "delete", "del", "rm", "remove", "delete-backup", "prune", "forget", "expire", "clean"],
  check: ["status", "doctor", "verify", "validate", "health", "test", "preflight"],
  "validate-storage": ["test-storage", "check-storage", "verify-storage"],
  "rotate-key": ["rotate", "rekey", "change-key"],
};

function meant(word: string, commands: Commands): string | undefined {
  const wanted = word.toLowerCase().replaceAll("_", "-");
  return Object.keys(commands).find((name) => name === wanted || (otherCommands[name] ?? []).includes(wanted));
}

function refuseCommand(word: string, commands: Commands): never {
  const near = meant(word, commands) ?? nearest(word, [...Object.keys(commands), "help", "version"]);
  throw new AppError("usage", `unknown command '${word}'`, {
    hint: near === undefined ? "esop help lists all commands" : `did you mean ${near}`,
  });
}

function readHelp(rest: readonly string[], commands: Commands): CommandLine {
  const { positionals } = readOptions(rest, generalOptions);
  const [word, surplus] = positionals;
  if (surplus !== undefined) refuseArgument(surplus);
  if (word === undefined || word === "help" || word === "version") return { kind: "help" };
  return Object.hasOwn(commands, word) ? { kind: "help", command: word } : refuseCommand(word, commands);
}

function readVersion(rest: readonly string[]): CommandLine {
  const { asked, positionals, source } = readOptions(rest, generalOptions);
  const [word] = positionals;
  if (asked === helpKey || word === "help") return { kind: "help" };
  return word === undefined ? { kind: "version", source } : refuseArgument(word);
}

function readCommand(command: string, { options, positional }: VerbDescription, rest: readonly string[]): CommandLine {
  const { asked, positionals, source } = readOptions(rest, options);
  const [word, ...surplus] = positionals;
  if (asked === helpKey || word === "help") return { kind: "help", command };
  if (asked === versionKey) return { kind: "version", source };
  if (word === undefined) return { kind: "command", command, source };
  if (positional === undefined) return refuseArgument(word);
  if (surplus[0] !== undefined) return refuseArgument(surplus[0]);
  return { kind: "command", command, source: withArgument(source, positional, { word, option: options[positional] }) };
}

/** The word counts as the option's value; given both ways, it is given twice. */
function withArgument(
  source: Source,
  key: string,
  { word, option }: { readonly word: string; readonly option: Option<unknown> | undefined },
): Source {
  const texts = source.get(key)?.texts ?? [];
  return new Map([...source, [key, { texts: [...texts, word], origin: option?.placeholder ?? "the argument" }]]);
}

function refuseArgument(word: string): never {
  throw new AppError("usage", `unexpected argument '${word}'`, {
    hint: "only options may follow the command; quote values that contain spaces",
  });
}

/** What stands before the command must be understood without knowing it. */
function refuseEarlyOptions(early: readonly string[], commands: Commands): void {
  const general = flagsOf(generalOptions);
  for (const { name, rawName } of readTokens(early, general).options) {
    if (general.has(name)) continue;
    const taken = Object.values(commands).some(({ verb }) => flagsOf(verb.options).has(name));
    if (!taken) refuseOption(rawName, general);
    throw new AppError("usage", `${rawName} is given before the command`, {
      hint: "write the command first: esop backup --storage-location …",
    });
  }
}

/** Every spelling without dashes; help and version belong to all tables. */
function flagsOf(table: OptionTable): Map<string, Flag> {
  const flags = new Map<string, Flag>([
    ["help", { key: helpKey, takesValue: false }],
    ["h", { key: helpKey, takesValue: false }],
    ["version", { key: versionKey, takesValue: false }],
    ["V", { key: versionKey, takesValue: false }],
  ]);
  for (const [key, option] of Object.entries(table)) {
    if (!option.commandLine) continue;
    for (const flag of [option.flag, ...option.aliases])
      flags.set(flag, { key, takesValue: option.arity !== "switch" });
  }
  return flags;
}

interface OptionToken {
  readonly name: string;
  /** As it was written. */
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

interface Tokens {
  readonly options: readonly OptionToken[];
  readonly positionals: readonly { readonly index: number; readonly value: string }[];
}

function readTokens(argv: readonly string[], flags: ReadonlyMap<string, Flag>): Tokens {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [flag, { takesValue }] of flags) {
    options[flag] = { type: takesValue ? "string" : "boolean", ...(flag.length === 1 ? { short: flag } : {}) };
  }
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  return {
    options: tokens.filter((token) => token.kind === "option"),
    positionals: tokens.filter((token) => token.kind === "positional"),
  };
}

interface Read {
  /** Whether help or the version is asked for in place of anything else. */
  readonly asked: string | undefined;
  readonly positionals: readonly string[];
  readonly source: Source;
}

function readOptions(argv: readonly string[], table: OptionTable): Read {
  const flags = flagsOf(table);
  const { options, positionals } = readTokens(argv, flags);
  const found = new Map<string, { texts: string[]; origin: string }>();
  let asked: string | undefined;
  for (const token of options) {
    const flag = flags.get(token.name);
    const oneDash = token.name.length === 1 && token.rawName.startsWith("--");
    if (flag === undefined || oneDash) refuseOption(token.rawName, flags);
    if (flag.key === helpKey || flag.key === versionKey) asked ??= flag.key;
    else addValue(found, flag, token);
  }
  return { asked, positionals: positionals.map(({ value }) => value), source: found satisfies Map<string, Given> };
}

function addValue(found: Map<string, { texts: string[]; origin: string }>, flag: Flag, token: OptionToken): void {
  const text = flag.takesValue ? requireValue(token) : (token.value ?? "true");
  const given = found.get(flag.key);
  if (given === undefined) found.set(flag.key, { texts: [text], origin: token.rawName });
  else given.texts.push(text);
}

/** The complaints do not show the value: it may be a password. */
function requireValue({ rawName, value, inlineValue }: OptionToken): string {
  if (value === undefined || (inlineValue !== true && /^-./.test(value))) {
    throw new AppError("usage", `${rawName} needs a value`, {
      hint: `write ${rawName}=VALUE if the value begins with a dash`,
    });
  }
  // "-s=tag" is how other parsers write "-stag".
  return rawName.length === 2 && inlineValue === true ? value.replace(/^=/, "") : value;
}

function refuseOption(rawName: string, flags: ReadonlyMap<string, Flag>): never {
  const word = rawName.replace(/^-+/, "");
  const long = [...flags.keys()].filter((flag) => flag.length > 1);
  const near = word.length === 1 ? undefined : nearest(word, long);
  throw new AppError("usage", `unknown option ${rawName}`, {
    hint: near === undefined ? "esop help COMMAND lists the options of a command" : `did you mean ${dashed(near)}`,
  });
}
