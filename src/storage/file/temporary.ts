import { randomUUID } from "node:crypto";
import { type FileHandle, lstat, mkdir, open, readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../errors.ts";
import { isAbsence } from "./directories.ts";

/** The directory right below the bucket's that holds objects in the making: one file system with them, never listed. */
export const temporaryName = ".esop-tmp";

/** A put still under way touches its file more often than that. */
const abandonedAfterMs = 24 * 3600 * 1000;

/** A file that becomes an object once it is complete. */
export interface TemporaryFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** The objects in the making of one bucket. */
export class TemporaryFiles {
  readonly #directory: string;
  #swept: Promise<void> | undefined;

  constructor(bucket: string) {
    this.#directory = join(bucket, temporaryName);
  }

  /** Fails with the system's ENOENT where the bucket is missing. */
  async create(): Promise<TemporaryFile> {
    const path = join(this.#directory, randomUUID());
    const handle = await this.#open(path);
    this.#swept ??= this.#sweep(handle).catch(() => undefined);
    await this.#swept;
    return { path, handle };
  }

  async #open(path: string): Promise<FileHandle> {
    for (let round = 1; ; round++) {
      try {
        return await open(path, "wx");
      } catch (error) {
        // Missing: nobody has put anything yet, or another process has just tidied up after itself.
        if (systemErrorCode(error) !== "ENOENT" || round === 10) throw error;
        await mkdir(this.#directory).catch((failure: unknown) => {
          if (systemErrorCode(failure) !== "EEXIST") throw failure;
        });
      }
    }
  }

  /** Removes what killed puts have left; the file system's own clock, read off a new file, says what is old. */
  async #sweep(newest: FileHandle): Promise<void> {
    const nowMs = (await newest.stat()).mtimeMs;
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const stats = await lstat(path);
      if (stats.isFile() && nowMs - stats.mtimeMs > abandonedAfterMs) await unlink(path);
    }
  }

  /** Removes the file, finished or not. */
  async discard(file: TemporaryFile): Promise<void> {
    await file.handle.close().catch(() => undefined);
    await unlink(file.path).catch((error: unknown) => {
      if (!isAbsence(error)) throw error;
    });
  }

  /** Leaves no empty directory behind; where others are still at work, it stays. */
  async tidy(): Promise<void> {
    await rmdir(this.#directory).catch(() => undefined);
  }
}
