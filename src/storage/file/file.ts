import { link, lstat, lutimes, rename, stat, unlink } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { Clock } from "../../clock.ts";
import { abortable, forEachConcurrently } from "../../concurrency/concurrency.ts";
import { AppError, fileError, isAppError, systemErrorCode, throwIfAborted, toAppError } from "../../errors.ts";
import { chunkBytes, openRegularFile, readHandle, writeFully } from "../../files/files.ts";
import type {
  ByteStream,
  CallOptions,
  Capabilities,
  DeleteResult,
  GetOptions,
  ObjectInfo,
  PutOptions,
  RewindableSource,
  Storage,
} from "../contract.ts";
import { checkBucketName, checkFolderPrefix, checkKey, checkRange, isKey } from "../keys.ts";
import { BucketDirectories, isAbsence, makeDurably } from "./directories.ts";
import { listChildren, listFiles, statFile } from "./list.ts";
import { type TemporaryFile, TemporaryFiles, temporaryName } from "./temporary.ts";

/** NAME_MAX and PATH_MAX of Linux, without the closing zero. */
const [longestNameBytes, longestPathBytes] = [255, 4095] as const;

/** Files removed at a time. */
const deleteLimit = 8;

export interface FileStorageOptions {
  /** Absolute path of the directory that holds the buckets. */
  readonly root: string;
  readonly bucket: string;
  /** Gives the date that a refresh sets. */
  readonly clock: Clock;
}

/**
 * Objects as plain files: `<root>/<bucket>/<key>`. Whatever is not a regular file, or lies behind a symbolic link below
 * the bucket, is no object. An object in the making is a file of `<bucket>/.esop-tmp`; it gets its name by a rename, or
 * where nothing may be replaced by a hard link, after its bytes are on the disk. Holds one chunk in memory per transfer.
 */
export function fileStorage(options: FileStorageOptions): Storage {
  if (!isAbsolute(options.root)) throw new AppError("usage", `'${options.root}' is not an absolute path`);
  checkBucketName(options.bucket);
  return new FileStorage(join(options.root, options.bucket), options.clock);
}

class FileStorage implements Storage {
  readonly description: string;
  readonly capabilities: Capabilities;
  readonly #bucket: string;
  readonly #clock: Clock;
  readonly #directories: BucketDirectories;
  readonly #temporary: TemporaryFiles;

  constructor(bucket: string, clock: Clock) {
    this.description = `directory ${bucket}`;
    const keyLimits = { keyBytes: longestPathBytes - Buffer.byteLength(bucket) - 1, segmentBytes: longestNameBytes };
    this.capabilities = { putIfAbsent: true, metadata: false, parallelRanges: false, keyLimits };
    this.#bucket = bucket;
    this.#clock = clock;
    this.#directories = new BucketDirectories(bucket);
    this.#temporary = new TemporaryFiles(bucket);
  }

  async bucketExists(options?: CallOptions): Promise<boolean> {
    throwIfAborted(options?.signal);
    return this.#converted(`look for ${this.description}`, () => this.#directories.bucketExists());
  }

  async createBucket(options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal);
    await this.#converted(`create ${this.description}`, () => makeDurably(this.#bucket));
  }

  async stat(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    const path = this.#pathOf(key);
    throwIfAborted(options?.signal);
    return this.#converted(`look for ${path}`, async () =>
      (await this.#directories.isPlain(dirname(path))) ? statFile(this.#bucket, key) : undefined,
    );
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo, void> {
    try {
      if (!(await this.#canLookBelow(prefix))) return;
      yield* listFiles({ bucket: this.#bucket, hidden: temporaryName, signal: options?.signal }, prefix);
    } catch (error) {
      throw this.#convert(error, `list ${this.description}`);
    }
  }

  async children(prefix: string, options?: CallOptions): Promise<readonly string[]> {
    checkFolderPrefix(prefix);
    return this.#converted(`list ${this.description}`, async () => {
      if (!(await this.#canLookBelow(prefix))) return [];
      return listChildren({ bucket: this.#bucket, hidden: temporaryName, signal: options?.signal }, prefix);
    });
  }

  async get(key: string, options?: GetOptions): Promise<ByteStream> {
    const path = this.#pathOf(key);
    checkRange(options?.range);
    throwIfAborted(options?.signal);
    return this.#converted(`read ${path}`, async () => {
      const file = (await this.#directories.isPlain(dirname(path))) ? await openIfThere(path) : undefined;
      if (file === undefined) throw this.#notFound(key);
      const { start = 0, end = file.sizeBytes } = options?.range ?? {};
      const part = { start, end: Math.min(end, file.sizeBytes), name: path };
      return readHandle(file.handle, part, options);
    });
  }

  async put(key: string, source: RewindableSource, options?: PutOptions): Promise<ObjectInfo> {
    const path = this.#pathOf(key);
    throwIfAborted(options?.signal);
    if (options?.metadata !== undefined || options?.tags !== undefined) {
      throw new AppError("unsupported", "a file store keeps nothing beside the bytes of an object");
    }
    return this.#converted(`write ${path}`, async () => {
      const file = await this.#temporary.create();
      try {
        // Before the bytes, so that an impossible key costs none.
        await this.#directories.make(dirname(path));
        await fill(file, source, path, options?.signal);
        const { mtimeMs } = await file.handle.stat();
        await file.handle.close();
        throwIfAborted(options?.signal);
        await this.#publish(file, path, key, options?.ifAbsent === true);
        return { key, sizeBytes: source.sizeBytes, modifiedMs: Math.floor(mtimeMs) };
      } catch (error) {
        // The failure of the put is the one to report; what cannot be discarded is swept some day.
        await this.#temporary.discard(file).catch(() => undefined);
        throw error;
      }
    });
  }

  async #publish(file: TemporaryFile, path: string, key: string, ifAbsent: boolean): Promise<void> {
    try {
      if (!ifAbsent) await this.#directories.publishInto(dirname(path), () => rename(file.path, path));
      else {
        await this.#directories.publishInto(dirname(path), () => linkOnce(file.path, path, key));
        // The object is there; a second name left behind is swept like any other.
        await unlink(file.path).catch(() => undefined);
      }
    } catch (error) {
      if (!["EISDIR", "ENOTEMPTY"].includes(systemErrorCode(error) ?? "")) throw error;
      throw new AppError("unsupported", `cannot write ${path}: there is a directory of that name`, {
        hint: "in a file store no object's key can be the folder of another",
        cause: error,
      });
    }
  }

  async refresh(key: string, options?: CallOptions): Promise<void> {
    const path = this.#pathOf(key);
    if ((await this.stat(key, options)) === undefined) throw this.#notFound(key);
    const now = new Date(this.#clock.now());
    await this.#converted(`renew the date of ${path}`, () => lutimes(path, now, now));
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<DeleteResult> {
    for (const key of keys) this.#pathOf(key);
    const failed: { key: string; error: Error }[] = [];
    const emptied = new Map<string, string>();
    const remove = async (key: string) => {
      const path = this.#pathOf(key);
      try {
        if ((await this.stat(key)) === undefined) return;
        await this.#converted(`delete ${path}`, () => unlinkIfThere(path));
        emptied.set(dirname(path), key);
      } catch (error) {
        failed.push({ key, error: toAppError(error) });
      }
    };
    const limits = { signal: options?.signal };
    try {
      await forEachConcurrently(keys, deleteLimit, remove, limits);
    } finally {
      await forEachConcurrently(emptied, deleteLimit, async ([directory, key]) => {
        await this.#directories.prune(directory).catch((error: unknown) => {
          failed.push({ key, error: this.#convert(error, `delete ${key} durably`) });
        });
      });
    }
    return { failed };
  }

  async close(): Promise<void> {
    await this.#temporary.tidy();
  }

  /** Whether anything can be listed under the prefix; fails with `not-found` where the bucket is missing. */
  async #canLookBelow(prefix: string): Promise<boolean> {
    const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
    await stat(this.#bucket);
    if (isReserved(folder)) return false;
    return folder === "" || (isKey(folder) && this.#directories.isPlain(join(this.#bucket, folder)));
  }

  #pathOf(key: string): string {
    checkKey(key);
    if (isReserved(key)) {
      throw new AppError("usage", `'${key}' is not an object key: ${temporaryName} is kept for objects in the making`);
    }
    return join(this.#bucket, key);
  }

  #notFound(key: string): AppError {
    return new AppError("not-found", `there is no object '${key}' in ${this.description}`);
  }

  async #converted<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#convert(error, doing);
    }
  }

  #convert(error: unknown, doing: string): AppError {
    if (isAppError(error) || (error instanceof Error && error.name === "AbortError")) return toAppError(error);
    return fileError(error, doing);
  }
}

function isReserved(key: string): boolean {
  return key === temporaryName || key.startsWith(`${temporaryName}/`);
}

/** Writes the source into the file and onto the disk; fails with `corrupt` where it is not as long as it said. */
async function fill(file: TemporaryFile, source: RewindableSource, path: string, signal?: AbortSignal): Promise<void> {
  let written = 0;
  for await (const chunk of abortable(source.open(undefined, { transient: true }), signal)) {
    written += chunk.length;
    if (written > source.sizeBytes) break;
    for (let at = 0; at < chunk.length; at += chunkBytes) {
      throwIfAborted(signal);
      await writeFully(file.handle, chunk.subarray(at, at + chunkBytes));
    }
  }
  throwIfAborted(signal);
  if (written !== source.sizeBytes) {
    const found = written > source.sizeBytes ? "more" : `only ${written}`;
    throw new AppError(
      "corrupt",
      `cannot write ${path}: the source announced ${source.sizeBytes} bytes and had ${found}`,
    );
  }
  await file.handle.datasync();
}

/** Gives the file its second name unless that name is taken. */
async function linkOnce(from: string, to: string, key: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code === "EEXIST") {
      // A network file system may report the repetition of a link that it has made.
      if ((await lstat(from)).nlink > 1) return;
      throw new AppError("already-exists", `there is an object '${key}' already`, { cause: error });
    }
    if (["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code)) {
      throw new AppError("unsupported", "the file system has no hard links, so nothing can be written only if absent", {
        cause: error,
      });
    }
    throw error;
  }
}

async function openIfThere(path: string): ReturnType<typeof openRegularFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
}
