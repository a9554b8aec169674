/**
 * The configuration file: YAML, keys are long flags without dashes. Keys at the top hold for every verb that has the
 * option; a section named after a verb holds for that verb and wins over the top.
 */
import { AppError } from "../../errors.ts";
import { isRecord, textsOf } from "./json.ts";
import { nearest } from "./nearest.ts";
import type { Option, OptionTable } from "./option.ts";
import type { Given, Source } from "./resolve.ts";

export type VerbTables = Readonly<Record<string, { readonly options: OptionTable }>>;

/** The sources a file holds for one verb, its section first. All of the file is checked. Throws `usage`. */
export async function parseConfigFile(
  text: string,
  file: string,
  verbs: VerbTables,
  verb: string,
): Promise<readonly Source[]> {
  const content = await readYaml(text, file);
  const top: Record<string, unknown> = {};
  let section: Source = new Map();
  const known = new Map(Object.values(verbs).flatMap(({ options }) => [...fileKeys(options)]));
  for (const [key, value] of Object.entries(content)) {
    const options = Object.hasOwn(verbs, key) ? verbs[key]?.options : undefined;
    if (options === undefined) {
      if (!known.has(key)) refuseKey(key, `in ${file}`, [...known.keys(), ...Object.keys(verbs)]);
      top[key] = value;
      continue;
    }
    if (value === null) continue;
    if (!isRecord(value)) throw new AppError("usage", `the section '${key}' in ${file} is not a map of options`);
    const source = readKeys(value, options, `in section '${key}' of ${file}`, "refuse");
    if (key === verb) section = source;
  }
  return [section, readKeys(top, verbs[verb]?.options ?? {}, `in ${file}`, "skip")];
}

async function readYaml(text: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { logLevel: "silent" });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    const what = problem.message
      .split("\n", 1)[0]
      ?.replace(/ at line.*$/, "")
      .replace(/^./, (c) => c.toLowerCase());
    throw new AppError("usage", `${file} is not YAML: ${what}${line === undefined ? "" : ` (line ${line})`}`);
  }
  const content = toPlain(() => document.toJS(), file);
  if (content === null || content === undefined) return {};
  if (!isRecord(content)) throw new AppError("usage", `${file} is not a map of options`);
  return content;
}

/** Aliases to nowhere, or piled up to fill the memory, are found only here. */
function toPlain(convert: () => unknown, file: string): unknown {
  try {
    return convert();
  } catch (error) {
    throw new AppError("usage", `${file} has aliases that cannot be followed`, { cause: error });
  }
}

/** Flag to key of the table, for what may stand in a file. */
function fileKeys(options: OptionTable): Map<string, string> {
  const keys = Object.entries(options).map(([key, option]) => [option.flag, key] as const);
  return new Map(keys.filter(([flag]) => flag !== "config-file"));
}

function readKeys(
  content: Readonly<Record<string, unknown>>,
  options: OptionTable,
  where: string,
  unknown: "refuse" | "skip",
): Source {
  const keys = fileKeys(options);
  const source = new Map<string, Given>();
  for (const [flag, value] of Object.entries(content)) {
    const key = keys.get(flag);
    if (key === undefined) {
      if (unknown === "refuse") refuseKey(flag, where, keys.keys());
      continue;
    }
    if (value === null) continue;
    const texts = textsOfOption(value, options[key]);
    if (texts === undefined) {
      throw new AppError("usage", `'${flag}' ${where} has a wrong shape`, { hint: "write one value, no list or map" });
    }
    if (texts.length > 0) source.set(key, { texts, origin: `'${flag}' ${where}` });
  }
  return source;
}

/** A list for an option whose text is a list separated by commas is that text. Undefined: another shape. */
function textsOfOption(value: unknown, option: Option<unknown> | undefined): readonly string[] | undefined {
  const texts = textsOf(value);
  if (typeof value !== "object" || option?.arity === "many") return texts;
  if (option?.commas !== true || !Array.isArray(value)) return undefined;
  return texts === undefined || texts.length === 0 ? texts : [texts.join(",")];
}

function refuseKey(key: string, where: string, known: Iterable<string>): never {
  const near = nearest(key, known);
  throw new AppError("usage", `unknown option '${key}' ${where}`, {
    hint: near === undefined ? "keys are the long flags without dashes" : `did you mean ${near}`,
  });
}
