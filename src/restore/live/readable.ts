import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, fileError } from "../../errors.ts";
import { fileNames, type LiveRestore, targetName } from "./targets.ts";

interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Throws `node-state` if Cassandra's user, which owns the live directories, may not read the downloads. All downloads of
 * a table are written by one user with one mode, so that one of each is enough.
 */
export async function checkReadable(restore: LiveRestore): Promise<void> {
  for (const table of restore.tables) {
    const [name] = fileNames(restore, table);
    const [livePath] = table.livePaths;
    if (name === undefined || livePath === undefined) continue;
    const path = join(table.stagingPath, name);
    try {
      const owner = await stat(livePath);
      if (mayRead(owner, await stat(path))) continue;
      throw new AppError(
        "node-state",
        `user ${owner.uid}, who runs Cassandra, may not read the downloads of ${targetName(table)}`,
        {
          hint: "run esop as that user or as root",
        },
      );
    } catch (error) {
      throw fileError(error, `read ${path}`);
    }
  }
}

/** The groups of a user other than that of its files are not known here. */
export function mayRead({ uid, gid }: FileOwner, file: FileOwner & { readonly mode: number }): boolean {
  if (uid === 0) return true;
  if (uid === file.uid) return (file.mode & 0o400) !== 0;
  return (file.mode & (gid === file.gid ? 0o040 : 0o004)) !== 0;
}
