import { randomUUID } from "node:crypto";
import { open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError, systemErrorCode } from "../errors.ts";
import { syncDirectory } from "./sync-directory.ts";

/**
 * Gives a file new content, all or nothing and durably; a file that was there keeps its owner and mode. For small files
 * that are in memory. Throws `io`, `no-space`.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const former = await stat(path).catch((error: unknown) => {
      if (systemErrorCode(error) !== "ENOENT") throw error;
    });
    const file = await open(temporary, "wx", former?.mode);
    try {
      await file.writeFile(content);
      if (former !== undefined) {
        await file.chmod(former.mode);
        if (process.geteuid?.() === 0) await file.chown(former.uid, former.gid);
      }
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
