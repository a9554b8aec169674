import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { isScalar, parseDocument, type YAMLMap } from "yaml";
import { AppError, fileError } from "../errors.ts";

/** What a restore needs to know from cassandra.yaml. Paths as written there. */
export interface CassandraConfig {
  readonly clusterName: string | undefined;
  readonly dataDirectories: readonly string[];
  /** Where the local system keyspaces live, when that is configured; else they are in the first data directory. */
  readonly systemDataDirectory: string | undefined;
  readonly commitLogDirectory: string | undefined;
  readonly hintsDirectory: string | undefined;
  readonly savedCachesDirectory: string | undefined;
}

/** `directory/cassandra.yaml`, or the file itself when its path is given. */
export function configFilePath(directoryOrFile: string): string {
  return directoryOrFile.endsWith(".yaml") ? directoryOrFile : join(directoryOrFile, "cassandra.yaml");
}

/** The text of a node's cassandra.yaml; `not-found` where it is missing. */
export async function readConfigFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
}

function parse(text: string, path: string) {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: "silent" });
  const [problem] = document.errors;
  if (problem !== undefined || document.contents === null) {
    throw new AppError("corrupt", `${path} is not a valid cassandra.yaml`, { cause: problem });
  }
  return document;
}

export function parseConfig(text: string, path: string): CassandraConfig {
  const values: unknown = parse(text, path).toJS();
  if (typeof values !== "object" || values === null) throw new AppError("corrupt", `${path} holds no settings`);
  const settings = new Map(Object.entries(values));
  const textOf = (key: string): string | undefined => {
    const value: unknown = settings.get(key);
    return typeof value === "string" ? value : undefined;
  };
  const directories: unknown = settings.get("data_file_directories");
  const dataDirectories = Array.isArray(directories) ? directories.filter((d) => typeof d === "string") : [];
  const relative = dataDirectories.find((directory) => !isAbsolute(directory));
  if (relative !== undefined) throw new AppError("corrupt", `${path} names a relative data directory '${relative}'`);
  return {
    clusterName: textOf("cluster_name"),
    dataDirectories,
    systemDataDirectory: textOf("local_system_data_file_directory"),
    commitLogDirectory: textOf("commitlog_directory"),
    hintsDirectory: textOf("hints_directory"),
    savedCachesDirectory: textOf("saved_caches_directory"),
  };
}

/**
 * The text with top-level settings set, every other byte as it was: comments, order, quoting and line ends stay. A
 * setting that is there gets a new value in its place; one that is not is added at the end.
 */
export function editConfig(
  text: string,
  path: string,
  settings: Readonly<Record<string, string | number | boolean>>,
): string {
  const contents = parse(text, path).contents as YAMLMap;
  const edits: { readonly start: number; readonly end: number; readonly value: string }[] = [];
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  let added = "";
  for (const [key, value] of Object.entries(settings)) {
    const written = typeof value === "string" ? JSON.stringify(value) : String(value);
    const pair = contents.items.findLast((item) => isScalar(item.key) && item.key.value === key);
    const range = isScalar(pair?.value) ? pair.value.range : undefined;
    if (pair === undefined) {
      added += `${key}: ${written}${lineEnd}`;
    } else if (range !== undefined && range !== null) {
      // An empty value ("initial_token:") has a range of no length right behind the colon.
      edits.push({ start: range[0], end: range[1], value: range[0] === range[1] ? ` ${written}` : written });
    } else {
      throw new AppError("corrupt", `${path} gives '${key}' a value that cannot be replaced`, {
        hint: `set ${key} to ${written} by hand`,
      });
    }
  }
  let edited = text;
  for (const { start, end, value } of edits.sort((a, b) => b.start - a.start)) {
    edited = edited.slice(0, start) + value + edited.slice(end);
  }
  const separator = edited === "" || edited.endsWith("\n") ? "" : lineEnd;
  return added === "" ? edited : edited + separator + added;
}
