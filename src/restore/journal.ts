import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";
import { replaceFile } from "../files/files.ts";

/** Reads a restore's journal; undefined where there is none. A damaged one is an error: it says what was touched. */
export async function readJournal<T>(path: string, parse: (value: unknown) => T | undefined): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw fileError(error, `read ${path}`);
  }
  let journal: T | undefined;
  try {
    journal = parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, error);
  }
  if (journal === undefined) throw damaged(path, undefined);
  return journal;
}

function damaged(path: string, cause: unknown): AppError {
  return new AppError("corrupt", `the restore's journal ${path} is damaged`, {
    hint: "move the directory it is in aside to begin the restore anew",
    cause,
  });
}

/** Replaces the journal; when this returns, what it says survives a crash. */
export async function writeJournal(path: string, journal: unknown): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, `write ${path}`);
  }
  await replaceFile(path, JSON.stringify(journal, undefined, 2));
}
