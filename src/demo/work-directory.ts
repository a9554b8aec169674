import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";

/** The directory that a demonstration works in. */
export interface WorkDirectory {
  readonly path: string;
  /** Deletes what the demonstration made, the directory itself unless it was there before. */
  remove(): Promise<void>;
}

/** A new temporary directory, or the given one, which must be empty or missing. Throws `already-exists`, `io`. */
export async function makeWorkDirectory(
  given: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<WorkDirectory> {
  if (given === undefined) {
    const { TMPDIR: parent = "/tmp" } = environment;
    try {
      const path = await mkdtemp(join(resolve(parent), "esop-demo-"));
      return { path, remove: () => removeAll([path]) };
    } catch (error) {
      throw fileError(error, `make a temporary directory in ${parent}`);
    }
  }
  const path = resolve(given);
  const existed = (await stat(path).catch(() => undefined)) !== undefined;
  if (existed && (await entriesOf(path)).length > 0) {
    throw new AppError("already-exists", `${path} is not empty`, { hint: "give a directory that is empty or missing" });
  }
  let made: string | undefined;
  try {
    made = await mkdir(path, { recursive: true });
  } catch (error) {
    throw fileError(error, `make directory ${path}`);
  }
  const remove = async () => removeAll(existed ? await entriesOf(path) : [made ?? path]);
  return { path, remove };
}

async function entriesOf(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).map((name) => join(path, name));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileError(error, `read ${path}`);
  }
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      throw fileError(error, `delete ${path}`);
    }
  }
}
