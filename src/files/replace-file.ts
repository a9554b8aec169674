import { randomUUID } from "node:crypto";
import { type FileHandle, lstat, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError, systemErrorCode } from "../errors.ts";
import { syncDirectory } from "./sync-directory.ts";

/** Owner and permissions, as `stat` tells them. */
export interface FileMode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Gives a file new content, all or nothing and durably; a file that was there keeps its owner and mode, a new one gets
 * those of `like`. Where the group cannot be kept, it loses its permissions: the content is never readable to more than
 * before. For small files that are in memory. Throws `io`, `no-space`.
 */
export async function replaceFile(path: string, content: string | Uint8Array, like?: FileMode): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const former = await lstat(path).catch((error: unknown) => {
      if (systemErrorCode(error) !== "ENOENT") throw error;
    });
    const wanted = former?.isFile() === true ? former : like;
    // Nobody else may open it before it has its owner.
    const file = await open(temporary, "wx", wanted === undefined ? 0o666 : 0o600);
    try {
      if (wanted !== undefined) await setMode(file, wanted);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError(error, `write ${path}`);
  }
}

async function setMode(file: FileHandle, { mode, uid, gid }: FileMode): Promise<void> {
  const made = await file.stat();
  const mayGive = process.geteuid?.() === 0;
  const kept = await file.chown(mayGive ? uid : made.uid, gid).then(
    () => true,
    (error: unknown) => {
      if (mayGive) throw error;
      return made.gid === gid;
    },
  );
  await file.chmod(mode & (kept ? 0o777 : 0o707));
}
