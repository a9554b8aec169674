/** Help texts, derived from the tables of verbs, options and errors. */
import { styleText } from "node:util";
import { errorTable } from "../errors.ts";
import { dashed, generalOptions, type Option, type OptionGroup, type OptionTable } from "../request/request.ts";
import type { Commands, VerbDescription } from "./command.ts";
import { wrap, wrapWords } from "./wrap.ts";

/** Of the terminal; wider lines are hard to read. */
const maxWidth = 96;
const minWidth = 40;
/** In a narrower terminal the right column starts below the left one. */
const twoColumnsWidth = 80;
const textColumn = 34;
const stackedColumn = 8;

export interface HelpStyle {
  readonly colors: boolean;
  /** Width of the terminal. */
  readonly columns: number;
}

/** In the order of help. */
const groupTitles: Readonly<Record<OptionGroup, string>> = {
  what: "command options",
  storage: "storage options",
  transfer: "transfer options",
  behaviour: "execution options",
  import: "import options",
  node: "node directories",
  cluster: "cluster options",
  encryption: "client-side encryption",
  jmx: "JMX connection",
  s3: "object stores",
  retries: "retries",
  proxy: "proxy",
  general: "general options",
};

const ownOptions = [
  ["  -h, --help", "print help for a command"],
  ["  -V, --version", "print the version"],
] as const;

export function shortHelp(commands: Commands, style: HelpStyle): string {
  const { commandRows, paragraph } = new Layout(style);
  return text([
    "usage: esop COMMAND [OPTION...]",
    "",
    ...commandRows(commands),
    "",
    ...paragraph("run esop help COMMAND for help on a command, esop help for everything else"),
  ]);
}

export function generalHelp(commands: Commands, style: HelpStyle): string {
  const { title, row, commandRows, optionRows, exampleRows, originRows } = new Layout(style);
  return text([
    "esop: back up and restore Apache Cassandra",
    "",
    `${title("usage:")} esop COMMAND [OPTION...]`,
    "",
    title("commands:"),
    ...commandRows(commands),
    "",
    title("general options:"),
    ...optionRows(Object.values(generalOptions)),
    ...ownOptions.flatMap(([left, right]) => row(left, right)),
    "",
    title("examples:"),
    ...Object.values(commands).flatMap(({ verb }) => exampleRows(verb.examples.slice(0, 1))),
    "",
    title("storage locations:"),
    ...locations.flatMap(([left, right]) => row(left, right)),
    "",
    title("configuration:"),
    ...originRows("storage-location"),
    "",
    title("credentials:"),
    ...credentials.flatMap(([left, right]) => row(left, right)),
    "",
    title("exit statuses:"),
    ...exitRows(),
  ]);
}

const locations = [
  ["  s3://bucket/cluster/dc/node", "Amazon S3; also minio://, ceph:// and oracle://"],
  ["  gcp://bucket/cluster/dc/node", "Google Cloud Storage"],
  ["  azure://container/cluster/dc/node", "Azure Blob Storage"],
  ["  file:///root/bucket/cluster/dc/node", "local directory or mounted file system"],
  ["  s3://bucket, file:///root/bucket", "cluster, datacenter and node are those of the running node"],
] as const;

const credentials = [
  [
    "  S3",
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; profile, web identity, container or instance role",
  ],
  [
    "  Google Cloud Storage",
    "GOOGLE_APPLICATION_CREDENTIALS; gcloud application default credentials, attached service account",
  ],
  [
    "  Azure",
    "AZURE_STORAGE_CONNECTION_STRING; AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, " +
      "workload identity, service principal or managed identity",
  ],
] as const;

export function commandHelp(name: string, verb: VerbDescription, style: HelpStyle): string {
  const { title, paragraph, groupRows, exampleRows, originRows } = new Layout(style);
  const { summary, description, examples, options, positional } = verb;
  const required = Object.values(options).filter((option) => option.required);
  const bare = positional === undefined ? undefined : options[positional];
  const words = required.map((option) =>
    option === bare ? option.placeholder : `${dashed(option.flag)} ${option.placeholder}`,
  );
  return text([
    ...paragraph(`esop ${name}: ${summary}`),
    "",
    // Measured without the escapes of its first word.
    ...paragraph(["usage:", "esop", name, ...words, "[OPTION...]"].join(" ")).map((line) =>
      line.replace(/^usage:/, title),
    ),
    "",
    ...description.flatMap((sentences) => [...paragraph(sentences), ""]),
    title("examples:"),
    ...exampleRows(examples),
    "",
    ...groupRows(options),
    title("configuration:"),
    ...originRows(required[0]?.flag ?? Object.values(options)[0]?.flag ?? "json"),
    "",
    ...paragraph("run esop help for storage locations, credentials and exit statuses"),
  ]);
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Lines that fit the terminal. */
class Layout {
  readonly #colors: boolean;
  readonly #width: number;

  constructor({ colors, columns }: HelpStyle) {
    this.#colors = colors;
    this.#width = Math.min(maxWidth, Math.max(minWidth, columns));
  }

  readonly title = (words: string): string =>
    this.#colors ? styleText("bold", words, { validateStream: false }) : words;

  readonly paragraph = (words: string): readonly string[] => wrap(words, this.#width);

  /** Two columns; a left side that is too long stands on a line of its own. */
  readonly row = (left: string, right: string): readonly string[] => {
    const stacked = this.#width < twoColumnsWidth;
    return columns(left, right, { at: stacked ? stackedColumn : textColumn, stacked, width: this.#width });
  };

  readonly commandRows = (commands: Commands): readonly string[] => {
    const rows = Object.entries(commands).map(([name, { verb }]) => [name, verb.summary] as const);
    const all = [...rows, ["help", "print help for a command: esop help COMMAND"], ["version", "print the version"]];
    return all.flatMap(([name = "", summary = ""]) =>
      columns(`  ${name}`, summary, { at: 20, stacked: false, width: this.#width }),
    );
  };

  readonly groupRows = (options: OptionTable): readonly string[] => {
    const groups = Object.entries(groupTitles).map(([group, heading]) => {
      const rows = this.optionRows(Object.values(options).filter((option) => option.group === group));
      const own = group === "general" ? ownOptions.flatMap(([left, right]) => this.row(left, right)) : [];
      return { heading, rows: [...rows, ...own] };
    });
    return groups.flatMap(({ heading, rows }) => (rows.length === 0 ? [] : [this.title(`${heading}:`), ...rows, ""]));
  };

  readonly optionRows = (options: readonly Option<unknown>[]): readonly string[] =>
    options.flatMap((option) => {
      const short = option.aliases.find((alias) => alias.length === 1);
      const name = option.commandLine ? dashed(option.flag) : (option.env[0] ?? option.flag);
      const flag = `${short === undefined ? "    " : `${dashed(short)}, `}${name}`;
      const left = option.placeholder === "" ? flag : `${flag} ${option.placeholder}`;
      return this.row(`  ${left}`, describeOption(option));
    });

  /** An example that is too long for a line goes on below, as a shell takes it; options keep their values. */
  readonly exampleRows = (examples: VerbDescription["examples"]): readonly string[] =>
    examples.flatMap(({ says, line }) => {
      const parts = wrapWords(`esop ${line}`.split(/ (?=-)/), this.#width - 8);
      const last = parts.length - 1;
      const shown = parts.map((part, index) => `${index === 0 ? "  " : "      "}${part}${index < last ? " \\" : ""}`);
      return [...wrap(says, this.#width - 4).map((comment) => `  # ${comment}`), ...shown];
    });

  readonly originRows = (flag: string): readonly string[] => {
    const sentences =
      `Each option can be set by flag, by environment variable (--${flag} is ` +
      `ESOP_${flag.toUpperCase().replaceAll("-", "_")}) or in a YAML file (--config-file); the first of these wins. ` +
      "Keys in the file are long flags without dashes; a section named after a command applies to that command only.";
    return wrap(sentences, this.#width - 2).map((line) => `  ${line}`);
  };
}

interface ColumnsShape {
  /** Where the right column begins. */
  readonly at: number;
  /** Whether the right column begins on a line of its own. */
  readonly stacked: boolean;
  readonly width: number;
}

function columns(left: string, right: string, { at, stacked, width }: ColumnsShape): readonly string[] {
  const lines = wrap(right, width - at);
  const indent = " ".repeat(at);
  if (left.length > width) {
    // The value of an option, which may be a long list of choices.
    const end = left.lastIndexOf(" ");
    return [left.slice(0, end), ...[left.slice(end + 1), ...lines].map((line) => indent + line)];
  }
  if (stacked || left.length > at - 2) return [left, ...lines.map((line) => indent + line)];
  return lines.map((line, index) => (index === 0 ? left.padEnd(at) : indent) + line);
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

function exitRows(): string[] {
  const rows = Object.values(errorTable).map(({ exit, meaning }) => [exit, meaning] as const);
  const statuses = [[0, "done"] as const, ...rows];
  return statuses.map(([exit, meaning]) => `  ${String(exit).padStart(3)}  ${meaning}`);
}
