import { lstat, mkdir, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, systemErrorCode } from "../../errors.ts";
import { SharedDirectorySync } from "../../files/files.ts";

/** Each round loses only to a removal of empty directories that ran at the same moment. */
const maxRounds = 20;

/**
 * The directories below one bucket. They come and go with the objects in them; other processes make and remove them
 * at the same time. Only plain directories count: whatever a symbolic link leads to is outside the bucket.
 */
export class BucketDirectories {
  readonly #bucket: string;
  /** Directories seen to be plain and known to be durable in their parents; forgotten when found missing. */
  readonly #known = new Set<string>();
  readonly #sync = new SharedDirectorySync();

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  async bucketExists(): Promise<boolean> {
    try {
      // The bucket itself may well be a link, to a mounted disk for instance.
      return (await stat(this.#bucket)).isDirectory();
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  /** Makes the directory and its parents up to the bucket, durably. `not-found` where the bucket is missing. */
  async make(directory: string): Promise<void> {
    if (directory === this.#bucket || this.#known.has(directory)) return;
    const chain = this.#chain(directory);
    for (let round = 1; ; round++) {
      try {
        for (const link of chain) await this.#makeOne(link);
        return;
      } catch (error) {
        if (systemErrorCode(error) !== "ENOENT" || round === maxRounds) throw error;
        await stat(this.#bucket);
        for (const link of chain) this.#known.delete(link);
      }
    }
  }

  async #makeOne(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    try {
      await mkdir(directory);
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
      if (!(await lstat(directory)).isDirectory()) {
        throw new AppError("unsupported", `${directory} is needed as a directory, but is something else`, {
          hint: "in a file store no object's key can be the folder of another",
          cause: error,
        });
      }
    }
    // Also when another has made it: that one may not have come to its own sync yet.
    await this.#sync.sync(dirname(directory));
    this.#known.add(directory);
  }

  /** Whether the directory is there, reached through plain directories only. */
  async isPlain(directory: string): Promise<boolean> {
    for (const link of this.#chain(directory)) {
      if (this.#known.has(link)) continue;
      try {
        if (!(await lstat(link)).isDirectory()) return false;
      } catch (error) {
        if (isAbsence(error)) return false;
        throw error;
      }
    }
    return true;
  }

  /** Runs `publish`, which puts a name into the directory, and again where the directory vanished under it. */
  async publishInto(directory: string, publish: () => Promise<void>): Promise<void> {
    for (let round = 1; ; round++) {
      await this.make(directory);
      try {
        await publish();
        break;
      } catch (error) {
        if (systemErrorCode(error) !== "ENOENT" || round === maxRounds) throw error;
        for (const link of this.#chain(directory)) this.#known.delete(link);
      }
    }
    await this.#syncIfThere(directory);
  }

  /** Removes the directory and its parents as far as they are empty, then makes the removals durable. */
  async prune(directory: string): Promise<void> {
    let survivor = directory;
    for (; survivor !== this.#bucket; survivor = dirname(survivor)) {
      this.#known.delete(survivor);
      try {
        await rmdir(survivor);
      } catch (error) {
        if (isAbsence(error)) continue;
        // Not empty, or not ours to remove: an empty directory left behind harms no one.
        break;
      }
    }
    await this.#syncIfThere(survivor);
  }

  /** A directory that is gone has been emptied by others since, and they answer for that. */
  async #syncIfThere(directory: string): Promise<void> {
    await this.#sync.sync(directory).catch((error: unknown) => {
      if (!isAbsence(error)) throw error;
    });
  }

  /** From the first directory below the bucket down to the given one. */
  #chain(directory: string): string[] {
    if (!`${directory}/`.startsWith(`${this.#bucket}/`))
      throw new AppError("internal", `${directory} is not in ${this.#bucket}`);
    const chain: string[] = [];
    for (let link = directory; link !== this.#bucket; link = dirname(link)) chain.unshift(link);
    return chain;
  }
}

/** Makes the directory and whatever is missing above it, durably. */
export async function makeDurably(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  const sync = new SharedDirectorySync();
  for (let made = directory; made.length >= first.length; made = dirname(made)) await sync.sync(dirname(made));
}

/** The path is not there and could not be: a part is missing, is a file, or is longer than a name can be. */
export function isAbsence(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(systemErrorCode(error) ?? "");
}
