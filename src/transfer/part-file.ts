/** A file in the making. */
import { closeSync, fchown, fdatasync, fsync, open, write } from "node:fs";
import { unlink } from "node:fs/promises";
import { promisify } from "node:util";

/** The calls with plain descriptors, at two thirds of what a FileHandle costs: small files are nothing but calls. */
const calls = {
  open: promisify(open),
  write: promisify(write),
  fchown: promisify(fchown),
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
};

/** Written from its start. Ends with {@link finish} or {@link discard}, and throws the system's errors. */
export class PartFile {
  readonly #path: string;
  readonly #descriptor: number;
  #closed = false;

  private constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  /** There must be no such file yet. */
  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await calls.open(path, "wx"));
  }

  /** Done with the chunk when it resolves; not to be called before the last call has. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await calls.write(this.#descriptor, chunk, done, chunk.length - done);
      done += bytesWritten;
    }
  }

  /** It is on the disk, under its name for now. */
  async finish(owner?: { readonly uid: number; readonly gid: number }): Promise<void> {
    if (owner !== undefined) await calls.fchown(this.#descriptor, owner.uid, owner.gid);
    // Owner and mode are no data: only the full sync carries them.
    await (owner === undefined ? calls.fdatasync : calls.fsync)(this.#descriptor);
    this.#close();
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

  /** What is on the disk already is closed at once. */
  #close(): void {
    this.#closed = true;
    closeSync(this.#descriptor);
  }
}
