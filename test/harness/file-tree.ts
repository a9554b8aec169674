import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** Files by their path below a directory. */
export type FileTree = Readonly<Record<string, string>>;

export async function writeTree(root: string, tree: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

/**
 * Every file below the directory with its content, byte for byte (latin1), or where it leads if it is a link; nothing of
 * a directory that is not there.
 */
export async function readTree(root: string): Promise<FileTree> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(
    files.sort().map(async (path) => [relative(root, path), await contentOf(path)] as const),
  );
  return Object.fromEntries(contents);
}

async function contentOf(path: string): Promise<string> {
  return (await lstat(path)).isSymbolicLink() ? `-> ${await readlink(path)}` : readFile(path, "latin1");
}
