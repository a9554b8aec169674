import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError, systemErrorCode } from "../errors.ts";

const fileName = "manifest.json";

/**
 * The Data components that Cassandra lists in a snapshot's `manifest.json`: "nb-1-big-Data.db", and
 * ".city_idx/nb-1-big-Data.db" for an SSTable of a legacy index. Cassandra writes one manifest for a table, into a data
 * directory of its choice, for the SSTables in all of them. Undefined where this directory has none.
 */
export async function snapshotDataFiles(directory: string): Promise<readonly string[] | undefined> {
  const path = join(directory, fileName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return undefined;
    throw fileError(error, `read ${path}`);
  }
  const files = filesIn(text);
  if (files !== undefined) return files;
  throw new AppError("corrupt", `${path} does not list the files of its snapshot`, {
    hint: "run the backup again; if it stays so, run `nodetool verify` on the table",
  });
}

function filesIn(text: string): readonly string[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const files: unknown = typeof value === "object" && value !== null && "files" in value ? value.files : undefined;
  if (!Array.isArray(files)) return undefined;
  const names: string[] = [];
  for (const file of files) {
    if (typeof file !== "string") return undefined;
    names.push(file);
  }
  return names;
}
