/** What lies in a `file://` store for one node, so that a test can tell what a run added, changed or left alone. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Manifest, parseManifest } from "../../src/repository/repository.ts";

export interface StoredFile {
  readonly inode: number;
  readonly modifiedMs: number;
  readonly sha256: string;
}

/** The data objects below a node's directory, by their keys relative to it; none where the directory is missing. */
export async function storedFiles(nodeDirectory: string): Promise<ReadonlyMap<string, StoredFile>> {
  const files = new Map<string, StoredFile>();
  const data = join(nodeDirectory, "data");
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { ino, mtimeMs } = await stat(path);
    files.set(relative(nodeDirectory, path), { inode: ino, modifiedMs: mtimeMs, sha256: await sha256Of(path) });
  }
  return files;
}

export async function sha256Of(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** The manifest of the one backup under that tag. */
export async function storedManifest(nodeDirectory: string, tag: string): Promise<Manifest> {
  const directory = join(nodeDirectory, "manifests");
  const [name, ...others] = (await readdir(directory)).filter((file) => file.startsWith(`${tag}-`));
  if (name === undefined || others.length > 0) throw new Error(`not one manifest of '${tag}' in ${directory}`);
  return parseManifest(await readFile(join(directory, name), "utf8"), name);
}
