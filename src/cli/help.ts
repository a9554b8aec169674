/** Help texts, derived from the tables of verbs, options and errors. */
import { styleText } from "node:util";
import { errorTable } from "../errors.ts";
import { dashed, generalOptions, type Option, type OptionGroup, type OptionTable } from "../request/request.ts";
import type { Commands, VerbDescription } from "./command.ts";
import { wrap, wrapWords } from "./wrap.ts";

const width = 96;
const textColumn = 36;

/** In the order of help. */
const groupTitles: Readonly<Record<OptionGroup, string>> = {
  what: "what",
  storage: "storage",
  transfer: "transfer",
  behaviour: "how",
  import: "import",
  node: "directories of the node",
  cluster: "whole cluster",
  encryption: "encryption before files leave",
  jmx: "connection to the node (JMX)",
  s3: "object stores",
  retries: "retries",
  proxy: "proxy",
  general: "general",
};

const ownOptions = [
  ["  -h, --help", "print the help of a command"],
  ["  -V, --version", "print the version"],
] as const;

export function shortHelp(commands: Commands): string {
  return `${[
    "usage: esop COMMAND [OPTION...]",
    "",
    ...commandRows(commands),
    "",
    "esop help says more, esop help COMMAND all about one command",
  ].join("\n")}\n`;
}

export function generalHelp(commands: Commands, colors: boolean): string {
  const title = titlePainter(colors);
  return `${[
    "esop: back up Apache Cassandra to object stores, and bring it back",
    "",
    `${title("usage:")} esop COMMAND [OPTION...]`,
    "",
    title("commands:"),
    ...commandRows(commands),
    "",
    title("options of every command:"),
    ...optionRows(Object.values(generalOptions)),
    ...ownOptions.map(([left, right]) => row(left, right)),
    "",
    title("examples:"),
    ...Object.values(commands).flatMap(({ verb }) => exampleRows(verb.examples.slice(0, 1))),
    "",
    title("storage locations:"),
    ...locationRows,
    "",
    title("where options come from:"),
    ...originRows("storage-location"),
    "",
    title("credentials of stores:"),
    ...credentialRows,
    "",
    title("exit statuses:"),
    ...exitRows(),
  ].join("\n")}\n`;
}

const locationRows = [
  row("  s3://bucket/cluster/dc/node", "also minio://, ceph://, oracle:// (S3 dialects)"),
  row("  gcp://bucket/cluster/dc/node", "Google Cloud Storage"),
  row("  azure://container/cluster/dc/node", "Azure's Blob Storage"),
  row("  file:///root/bucket/cluster/dc/node", "a directory, mounted where esop runs"),
  row("  s3://bucket, file:///root/bucket", "cluster, datacenter and node are asked of the running node"),
];

const credentialRows = [
  row("  S3", "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, profiles, web identity, instance roles"),
  row("  Google", "GOOGLE_APPLICATION_CREDENTIALS, gcloud's default login, service accounts, workload identity"),
  row("  Azure", "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY,"),
  row("", "AZURE_STORAGE_SAS_TOKEN or the identity of the machine or workload"),
];

export function commandHelp(name: string, verb: VerbDescription, colors: boolean): string {
  const title = titlePainter(colors);
  const { summary, description, examples, options, positional } = verb;
  const required = Object.values(options).filter((option) => option.required);
  const bare = positional === undefined ? undefined : options[positional];
  const words = required.map((option) =>
    option === bare ? option.placeholder : `${dashed(option.flag)} ${option.placeholder}`,
  );
  const usage = [...words, "[OPTION...]"].join(" ");
  return `${[
    `esop ${name}: ${summary}`,
    "",
    `${title("usage:")} esop ${name} ${usage}`,
    "",
    ...description.flatMap((paragraph) => [...wrap(paragraph, width), ""]),
    title("examples:"),
    ...exampleRows(examples),
    "",
    ...groupRows(options, title),
    title("where options come from:"),
    ...originRows(required[0]?.flag ?? Object.values(options)[0]?.flag ?? "json"),
    "",
    "esop help lists exit statuses, storage locations and credentials",
  ].join("\n")}\n`;
}

function titlePainter(colors: boolean): (text: string) => string {
  return (text) => (colors ? styleText("bold", text, { validateStream: false }) : text);
}

function commandRows(commands: Commands): string[] {
  const rows = Object.entries(commands).map(([name, { verb }]) => [name, verb.summary] as const);
  const all = [...rows, ["help", "explain a command: esop help COMMAND"], ["version", "print the version"]] as const;
  return all.map(([name, summary]) => `  ${name.padEnd(18)}${summary}`);
}

function groupRows(options: OptionTable, title: (text: string) => string): string[] {
  const groups = Object.entries(groupTitles).map(([group, heading]) => {
    const rows = optionRows(Object.values(options).filter((option) => option.group === group));
    const own = group === "general" ? ownOptions.map(([left, right]) => row(left, right)) : [];
    return { heading, rows: [...rows, ...own] };
  });
  return groups.flatMap(({ heading, rows }) => (rows.length === 0 ? [] : [title(`${heading}:`), ...rows, ""]));
}

function optionRows(options: readonly Option<unknown>[]): string[] {
  return options.map((option) => {
    const short = option.aliases.find((alias) => alias.length === 1);
    const name = option.commandLine ? dashed(option.flag) : (option.env[0] ?? option.flag);
    const flag = `${short === undefined ? "    " : `${dashed(short)}, `}${name}`;
    const left = option.placeholder === "" ? flag : `${flag} ${option.placeholder}`;
    return row(`  ${left}`, describeOption(option));
  });
}

/** The meaning, and in parentheses what must be known beside it: "… (default: 10; also --cc)". */
function describeOption(option: Option<unknown>): string {
  const also = [...option.aliases.filter((alias) => alias.length > 1).map(dashed), ...option.env.slice(1)];
  const facts = [
    ...(option.required ? ["required"] : []),
    ...(option.defaultText === undefined ? [] : [defaultWords(option, option.defaultText)]),
    ...(also.length === 0 ? [] : [`also ${also.join(", ")}`]),
  ];
  if (facts.length === 0) return option.help;
  const start = option.help.endsWith(")") ? `${option.help.slice(0, -1)}; ` : `${option.help} (`;
  return `${start}${facts.join("; ")})`;
}

function defaultWords(option: Option<unknown>, text: string): string {
  return option.arity === "switch" ? text : `default: ${text}`;
}

/** Two columns; a left side that is too long stands on a line of its own. */
function row(left: string, right: string): string {
  const lines = wrap(right, width - textColumn);
  const indent = " ".repeat(textColumn);
  if (left.length > textColumn - 2) return [left, ...lines.map((line) => indent + line)].join("\n");
  return lines.map((line, index) => (index === 0 ? left.padEnd(textColumn) : indent) + line).join("\n");
}

/** An example that is too long for a line goes on below, as a shell takes it; options keep their values. */
function exampleRows(examples: readonly { readonly says: string; readonly line: string }[]): string[] {
  return examples.flatMap(({ says, line }) => {
    const parts = wrapWords(`esop ${line}`.split(/ (?=-)/), width - 8);
    const last = parts.length - 1;
    const shown = parts.map((part, index) => `${index === 0 ? "  " : "      "}${part}${index < last ? " \\" : ""}`);
    return [`  # ${says}`, ...shown];
  });
}

function originRows(flag: string): string[] {
  const text =
    `an option given as a flag wins over the environment (ESOP_ and its name: ESOP_${flag.toUpperCase().replaceAll("-", "_")} for ` +
    `--${flag}), the environment over the configuration file (YAML, --config-file; keys are long flags without ` +
    "dashes, a section named after a command holds for that command)";
  return wrap(text, width - 2).map((line) => `  ${line}`);
}

function exitRows(): string[] {
  const rows = Object.values(errorTable).map(({ exit, meaning }) => [exit, meaning] as const);
  const statuses = [[0, "done"] as const, ...rows];
  return statuses.map(([exit, meaning]) => `  ${String(exit).padStart(3)}  ${meaning}`);
}
