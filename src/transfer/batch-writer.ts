import type { FileHandle } from "node:fs/promises";
import { writeAllFully } from "../storage/storage.ts";

/** Measured: a call for each chunk of a socket costs more than all the rest of a download. */
const batchBytes = 512 * 1024;

/**
 * Writes a file from its start, some chunks at once, while the next ones are on their way. Holds up to two batches, so
 * the chunks must be its own.
 */
export class BatchWriter {
  readonly #handle: FileHandle;
  #batch: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Waits only where the file is slower than what comes. Throws what an earlier write has failed with. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#batch.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= batchBytes) await this.#flush();
  }

  /** Everything has been handed to the file system. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** Nothing is written any more, so that the file can be closed. */
  async leave(): Promise<void> {
    // Whoever leaves has a failure of its own to report.
    await this.#writing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    if (batch.length === 0) return;
    this.#writing = writeAllFully(this.#handle, batch);
    // Thrown by the next call.
    this.#writing.catch(() => undefined);
  }
}
