/** A file in the making. */
import { closeSync, fchown, fdatasync, fsync, open, writev } from "node:fs";
import { unlink } from "node:fs/promises";
import { promisify } from "node:util";

/** Measured: a call for each chunk of a socket costs more than all the rest of a download. */
const batchBytes = 512 * 1024;

/** The calls with plain descriptors, at two thirds of what a FileHandle costs: small files are nothing but calls. */
const calls = {
  open: promisify(open),
  writev: promisify(writev),
  fchown: promisify(fchown),
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
};

/**
 * Written from its start, some chunks at once, while the next ones are on their way. Holds up to two batches, so the
 * chunks must be its own. Ends with {@link finish} or {@link discard}, and throws the system's errors.
 */
export class PartFile {
  readonly #path: string;
  readonly #descriptor: number;
  #batch: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  /** There must be no such file yet. */
  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await calls.open(path, "wx"));
  }

  /** Waits only where the file is slower than what comes. Throws what an earlier write has failed with. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#batch.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= batchBytes) await this.#flush();
  }

  /** Everything has been handed to the file system. */
  async flush(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** It is on the disk, under its name for now. */
  async finish(owner?: { readonly uid: number; readonly gid: number }): Promise<void> {
    await this.flush();
    if (owner !== undefined) await calls.fchown(this.#descriptor, owner.uid, owner.gid);
    // Owner and mode are no data: only the full sync carries them.
    await (owner === undefined ? calls.fdatasync : calls.fsync)(this.#descriptor);
    this.#close();
  }

  /** It is gone, as far as the file system lets us; whoever discards has a failure of its own to report. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => undefined);
    try {
      if (!this.#closed) this.#close();
    } catch {
      // The failure that came first is the one to report.
    }
    await unlink(this.#path).catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    if (batch.length === 0) return;
    this.#writing = this.#writeAll(batch);
    // Thrown by the next call.
    this.#writing.catch(() => undefined);
  }

  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    let left = chunks;
    while (left.length > 0) {
      const { bytesWritten } = await calls.writev(this.#descriptor, [...left]);
      left = without(left, bytesWritten);
    }
  }

  /** What is on the disk already is closed at once. */
  #close(): void {
    this.#closed = true;
    closeSync(this.#descriptor);
  }
}

/** What is left of the chunks after so many bytes. */
function without(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skipped = bytes;
  const left: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skipped < chunk.length) left.push(chunk.subarray(skipped));
    skipped = Math.max(0, skipped - chunk.length);
  }
  return left;
}
