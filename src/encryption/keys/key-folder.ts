/** The wrapped data keys of one node's repository: a small file each, which is as precious as all that it opens. */
import { AppError, isAppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { bytesSource, readText } from "../../transfer/transfer.ts";
import { formatDataKey, parseDataKey, type WrappedDataKey } from "./wrapping.ts";

/** Where one node's data keys lie. */
export interface KeyLocation {
  readonly storage: Storage;
  /** Of the keys of their files, "/" included. */
  readonly prefix: string;
}

/** A data key is begun now and then in a node's life: more of them are not ours. */
const maxDataKeys = 200;
const maxFileBytes = 64 * 1024;
const namePattern = /^([0-9a-f]{8})\.json$/;

export class KeyFolder {
  readonly #place: KeyLocation;
  readonly #signal: AbortSignal;

  constructor(place: KeyLocation, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  /** Newest first; none where even the bucket is missing. Throws `corrupt` where one cannot be read: it may be the newest. */
  async list(): Promise<readonly WrappedDataKey[]> {
    const found: WrappedDataKey[] = [];
    for (const id of await this.#listIds()) {
      const file = await this.read(id);
      if (file !== undefined) found.push(file);
    }
    return found.sort((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? -1 : 1));
  }

  async #listIds(): Promise<readonly string[]> {
    const { storage, prefix } = this.#place;
    const ids: string[] = [];
    try {
      for await (const { key } of storage.list(prefix, { signal: this.#signal })) {
        const id = namePattern.exec(key.slice(prefix.length))?.[1];
        if (id !== undefined) ids.push(id);
        if (ids.length > maxDataKeys) throw tooMany(prefix);
      }
    } catch (error) {
      if (!isAppError(error, "not-found")) throw error;
    }
    return ids;
  }

  /** Throws `corrupt`. */
  async read(id: string): Promise<WrappedDataKey | undefined> {
    const text = await readText(this.#place.storage, this.#keyOf(id), this.#signal, maxFileBytes);
    return text === undefined ? undefined : parseDataKey(text, id);
  }

  async create(file: WrappedDataKey): Promise<void> {
    const atomic = this.#place.storage.capabilities.putIfAbsent;
    if (!atomic && (await this.read(file.id)) !== undefined) {
      throw new AppError("already-exists", `there is a data key ${file.id} already`, {
        hint: "run the same command again",
      });
    }
    await this.#put(file, atomic);
  }

  async replace(file: WrappedDataKey): Promise<void> {
    await this.#put(file, false);
  }

  /**
   * Renews the file's date, so that a lifecycle rule of the bucket does not expire it before what it opens. It is
   * written again where the store cannot do that, or has just expired it.
   */
  async renew(file: WrappedDataKey): Promise<void> {
    try {
      await this.#place.storage.refresh(this.#keyOf(file.id), { signal: this.#signal });
    } catch (error) {
      if (!isAppError(error, "not-found") && !isAppError(error, "unsupported")) throw error;
      // It may have been wrapped again since this run began.
      await this.replace((await this.read(file.id)) ?? file);
    }
  }

  /** Reads back what was written before anything relies on it: without it the objects cannot be decrypted. */
  async #put(file: WrappedDataKey, ifAbsent: boolean): Promise<void> {
    const { storage } = this.#place;
    const text = formatDataKey(file);
    const key = this.#keyOf(file.id);
    await storage.put(key, bytesSource(Buffer.from(text)), {
      signal: this.#signal,
      ...(ifAbsent ? { ifAbsent } : {}),
    });
    if ((await readText(storage, key, this.#signal, maxFileBytes)) === text) return;
    throw new AppError("storage", `${storage.description} gives back ${key} with another content than was written`, {
      hint: "look whether something else writes there, and run the same command again",
      retryable: false,
    });
  }

  #keyOf(id: string): string {
    return `${this.#place.prefix}${id}.json`;
  }
}

function tooMany(prefix: string): AppError {
  return new AppError("corrupt", `there are more than ${maxDataKeys} data keys below ${prefix}`, {
    hint: "look who writes there, and take away what is no data key of this node",
  });
}
