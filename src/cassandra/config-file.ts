import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { isScalar, parseDocument, type YAMLMap } from "yaml";
import { AppError, fileError } from "../errors.ts";
import type { ListenAddress } from "./listening.ts";

/** What a restore needs to know from cassandra.yaml. Paths as written there, all absolute. */
export interface CassandraConfig {
  readonly clusterName: string | undefined;
  readonly dataDirectories: readonly string[];
  /** Where the local system keyspaces live, when that is configured; else they are in the first data directory. */
  readonly systemDataDirectory: string | undefined;
  readonly commitLogDirectory: string | undefined;
  readonly hintsDirectory: string | undefined;
  readonly savedCachesDirectory: string | undefined;
  /** Where a running node listens for CQL and for other nodes, as far as the file tells. */
  readonly listenAddresses: readonly ListenAddress[];
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
  const pathOf = (key: string): string | undefined => {
    const directory = textOf(key);
    if (directory !== undefined) checkAbsolute(directory, key, path);
    return directory;
  };
  const dataDirectories = dataDirectoriesOf(settings.get("data_file_directories"), path);
  return {
    clusterName: textOf("cluster_name"),
    dataDirectories,
    systemDataDirectory: pathOf("local_system_data_file_directory"),
    commitLogDirectory: pathOf("commitlog_directory"),
    hintsDirectory: pathOf("hints_directory"),
    savedCachesDirectory: pathOf("saved_caches_directory"),
    listenAddresses: [
      ...listenAddress(settings, "rpc_address", { portKey: "native_transport_port", defaultPort: 9042 }),
      ...listenAddress(settings, "listen_address", { portKey: "storage_port", defaultPort: 7000 }),
    ],
  };
}

function checkAbsolute(directory: string, key: string, path: string): void {
  if (isAbsolute(directory)) return;
  throw new AppError("corrupt", `${path} gives ${key} the relative path '${directory}'`, {
    hint: "write the absolute path: what a relative one means depends on where Cassandra is started",
  });
}

function dataDirectoriesOf(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  const directories: readonly unknown[] = Array.isArray(value) ? value : [value];
  return directories.map((directory) => {
    if (typeof directory !== "string" || directory === "") {
      throw new AppError("corrupt", `${path} gives data_file_directories a value that is no path`);
    }
    checkAbsolute(directory, "data_file_directories", path);
    return directory;
  });
}

/** None where the file gives no address: it may name a network interface instead. */
function listenAddress(
  settings: ReadonlyMap<string, unknown>,
  addressKey: string,
  { portKey, defaultPort }: { readonly portKey: string; readonly defaultPort: number },
): readonly ListenAddress[] {
  const address = settings.get(addressKey);
  if (typeof address !== "string" || address === "") return [];
  const port = settings.get(portKey);
  const everywhere = address === "0.0.0.0" || address === "::";
  return [{ host: everywhere ? "localhost" : address, port: typeof port === "number" ? port : defaultPort }];
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
