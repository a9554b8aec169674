import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError, systemErrorCode } from "../errors.ts";

/** The path itself, or its nearest parent that exists. */
export async function existingParent(path: string): Promise<string> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      await stat(candidate);
      return candidate;
    } catch (error) {
      const code = systemErrorCode(error);
      if ((code !== "ENOENT" && code !== "ENOTDIR") || candidate === dirname(candidate))
        throw fileError(error, `read ${path}`);
    }
  }
}

/** The file system a path is or will be on. */
export async function deviceOf(path: string): Promise<number> {
  return (await stat(await existingParent(path))).dev;
}

export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(await existingParent(path));
  return bavail * bsize;
}

/**
 * Where files can be kept that are to be renamed or linked into a data directory: the directory it is in, if that is on
 * the same file system; else the data directory itself.
 */
export async function stagingRoot(dataDirectory: string): Promise<string> {
  const outside = dirname(dataDirectory);
  return (await deviceOf(outside)) === (await deviceOf(dataDirectory)) ? outside : dataDirectory;
}
