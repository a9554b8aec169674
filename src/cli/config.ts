/**
 * The configuration file: the one that the operator names, or else that of the machine. The latter is read without being
 * asked for, so who may write it decides where backups go and what is restored: it must belong to root or to us, and
 * nobody else may write it or put another in its place.
 */
import { dirname } from "node:path";
import { AppError } from "../errors.ts";
import { parseConfigFile, type Source, type VerbTables } from "../request/request.ts";

const systemConfigFile = "/etc/esop/esop.yaml";

/** Of a file or directory, links followed. */
export interface FileAccess {
  readonly ownerId: number;
  readonly groupId: number;
  /** The permission bits. */
  readonly mode: number;
}

export interface FileAccessReader {
  /** Of this process; undefined on systems without users. */
  readonly userId: number | undefined;
  /** Undefined where there is no such file; throws AppError. */
  fileAccess(path: string): Promise<FileAccess | undefined>;
}

const rootId = 0;
const groupWrite = 0o020;
const othersWrite = 0o002;
const othersRead = 0o004;

export interface ConfigDependencies extends FileAccessReader {
  /** The text of a file; throws AppError. */
  readFile(path: string): Promise<string>;
  warn(text: string): void;
}

/** What the file gives for a command, the most specific first; nothing where there is no file. Throws `usage`. */
export async function readConfig(
  named: string | undefined,
  { verb, tables }: { readonly verb: string; readonly tables: VerbTables },
  dependencies: ConfigDependencies,
): Promise<readonly Source[]> {
  if (named === undefined && !(await findSystemConfig(dependencies))) return [];
  const path = named ?? systemConfigFile;
  const text = await dependencies.readFile(path);
  const sources = await parseConfigFile(text, path, tables, verb);
  const access = await dependencies.fileAccess(path);
  if (access === undefined || (access.mode & othersRead) === 0) return sources;
  const flags = await secretFlags(text, path, tables);
  if (flags.length === 0) return sources;
  const complaint = `${path} holds ${flags.join(" and ")}, and every user can read it`;
  const hint = `chmod o-r ${path}`;
  if (named === undefined) throw new AppError("usage", complaint, { hint });
  dependencies.warn(`${complaint}: ${hint}`);
  return sources;
}

/** Whether the machine has one. */
async function findSystemConfig({ userId, fileAccess }: FileAccessReader): Promise<boolean> {
  const file = await fileAccess(systemConfigFile);
  if (file === undefined) return false;
  const directory = dirname(systemConfigFile);
  const accesses = [
    { path: systemConfigFile, access: file },
    { path: directory, access: await fileAccess(directory) },
  ];
  for (const { path, access } of accesses) {
    if (access === undefined || userId === undefined || !isWritableByOthers(access, userId)) continue;
    throw new AppError("usage", `${path} can be changed by users other than root`, {
      hint: `run chown root ${path} and chmod go-w ${path}, or name another file with --config-file`,
    });
  }
  return true;
}

function isWritableByOthers({ ownerId, groupId, mode }: FileAccess, userId: number): boolean {
  if (ownerId !== rootId && ownerId !== userId) return true;
  return (mode & othersWrite) !== 0 || ((mode & groupWrite) !== 0 && groupId !== rootId);
}

/** The flags of the passwords that the file holds, for whichever command. */
async function secretFlags(text: string, path: string, tables: VerbTables): Promise<readonly string[]> {
  const flags = new Set<string>();
  for (const [verb, { options }] of Object.entries(tables)) {
    for (const source of await parseConfigFile(text, path, tables, verb)) {
      for (const key of source.keys()) if (options[key]?.secret === true) flags.add(options[key].flag);
    }
  }
  return [...flags];
}
