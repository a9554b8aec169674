import { dirname } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";
import { openRegularFile, replaceFile } from "../files/files.ts";
import { makeDirectory } from "./directories.ts";

/** Reads a restore's journal; undefined where there is none. A damaged one is an error: it says what was touched. */
export async function readJournal<T>(path: string, parse: (value: unknown) => T | undefined): Promise<T | undefined> {
  const text = await readOwnFile(path);
  if (text === undefined) return undefined;
  let journal: T | undefined;
  try {
    journal = parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, error);
  }
  if (journal === undefined) throw damaged(path, undefined);
  return journal;
}

/** The text of a file; a link or a pipe of that name is not followed. */
async function readOwnFile(path: string): Promise<string | undefined> {
  try {
    const file = await openRegularFile(path);
    if (file === undefined) throw damaged(path, undefined);
    await using handle = file.handle;
    return await handle.readFile("utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw systemErrorCode(error) === "ELOOP" ? damaged(path, error) : fileError(error, `read ${path}`);
  }
}

function damaged(path: string, cause: unknown): AppError {
  return new AppError("corrupt", `the restore's journal ${path} is damaged`, {
    hint: "move the directory it is in aside to begin the restore anew",
    cause,
  });
}

/**
 * Replaces the journal; when this returns, what it says survives a crash. Only its owner may read it. Its directory is
 * made where it is missing.
 */
export async function writeJournal(path: string, journal: unknown): Promise<void> {
  await makeDirectory(dirname(path), undefined);
  const mine = { mode: 0o600, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  await replaceFile(path, JSON.stringify(journal, undefined, 2), mine);
}
