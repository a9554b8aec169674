/** A file in the making. */
import { closeSync, constants, fchown, fdatasync, fsync, openSync, renameSync, write } from "node:fs";
import { unlink } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * Small files are nothing but calls, so these take plain descriptors, at two thirds of what a FileHandle costs. What only
 * changes directories in memory (open, rename, close) is called at once, for half of what another thread would take;
 * whatever may wait for the disk is not.
 */
const calls = {
  write: promisify(write),
  fchown: promisify(fchown),
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
};

export interface PartFileOptions {
  /** The process's own when left out. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** As far as it is known. */
  readonly sizeBytes?: number | undefined;
}

/** Up to here a file comes in one write, which is on the disk when it returns: a call less than with a sync of its own. */
const oneWriteBytes = 256 * 1024;

/** Written from its start. Ends with {@link finish} or {@link discard}, and throws the system's errors. */
export class PartFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #sync: ((descriptor: number) => Promise<void>) | undefined;
  #closed = false;

  private constructor(path: string, descriptor: number, sync: ((descriptor: number) => Promise<void>) | undefined) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#sync = sync;
  }

  /** There must be no such file yet. */
  static async create(path: string, { owner, sizeBytes = 0 }: PartFileOptions = {}): Promise<PartFile> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC, O_SYNC } = constants;
    const syncsWrites = O_DSYNC > 0 && sizeBytes > 0 && sizeBytes <= oneWriteBytes;
    // An owner is no data: only the full sync carries it.
    const [flag, sync] = owner === undefined ? [O_DSYNC, calls.fdatasync] : [O_SYNC, calls.fsync];
    const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | (syncsWrites ? flag : 0));
    const file = new PartFile(path, descriptor, syncsWrites ? undefined : sync);
    try {
      if (owner !== undefined) await calls.fchown(descriptor, owner.uid, owner.gid);
    } catch (error) {
      await file.discard();
      throw error;
    }
    return file;
  }

  /** Done with the chunk when it resolves; not to be called before the last call has. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await calls.write(this.#descriptor, chunk, done, chunk.length - done);
      done += bytesWritten;
    }
  }

  /** It is on the disk, under the name of the target, which it replaces; that name is durable after a sync of the directory. */
  async finish(targetPath: string): Promise<void> {
    await this.#sync?.(this.#descriptor);
    this.#close();
    renameSync(this.#path, targetPath);
  }

  /** It is gone, as far as the file system lets us; whoever discards has a failure of its own to report. */
  async discard(): Promise<void> {
    try {
      if (!this.#closed) this.#close();
    } catch {
      // The failure that came first is the one to report.
    }
    await unlink(this.#path).catch(() => undefined);
  }

  #close(): void {
    this.#closed = true;
    closeSync(this.#descriptor);
  }
}
