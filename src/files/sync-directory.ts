import { open } from "node:fs/promises";
import { fileError, systemErrorCode } from "../errors.ts";

/** Makes the names in a directory durable: files made, renamed or removed there before the call survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    await sync(path);
  } catch (error) {
    throw fileError(error, `sync the directory ${path}`);
  }
}

/** Fails with the system's error. */
async function sync(path: string): Promise<void> {
  try {
    await using handle = await open(path, "r");
    await handle.sync();
  } catch (error) {
    // Some file systems cannot sync a directory and say so; there is nothing more to be had from them.
    if (!["EINVAL", "ENOTSUP", "EBADF"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}

/**
 * syncDirectory for many at once: calls for one directory that arrive while it is being synced share the next sync,
 * since the one under way may have begun before their change. Fails with the system's errors.
 */
export class SharedDirectorySync {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#run(path);
    let next = this.#next.get(path);
    if (next === undefined) {
      const start = () => {
        this.#next.delete(path);
        return this.#run(path);
      };
      next = running.then(start, start);
      this.#next.set(path, next);
    }
    return next;
  }

  #run(path: string): Promise<void> {
    const run = sync(path).finally(() => this.#running.delete(path));
    this.#running.set(path, run);
    return run;
  }
}
