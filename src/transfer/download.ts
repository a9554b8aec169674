import { randomUUID } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { AppError, fileError, throwIfAborted } from "../errors.ts";
import { type ByteRange, type GetOptions, type ObjectStream, objectStream, type Storage } from "../storage/storage.ts";
import type { Decrypt } from "./encryptor.ts";
import { createHasher, type HashedBytes } from "./hash.ts";
import type { HashAlgorithm, Hasher } from "./hasher.ts";
import { type PaceOptions, paced } from "./paced.ts";
import { PartFile } from "./part-file.ts";
import { type ReadAhead, readInRanges } from "./read-ahead.ts";

/** Files in the making end so; one that no process writes any more is left over from a kill and may be removed. */
export const partSuffix = ".esop-part";

export interface DownloadOptions extends PaceOptions, Pick<HashedBytes, "threads"> {
  /** What must be in the file in the end; NONE (or no `hash`) leaves the content unproved. */
  readonly expected: {
    readonly sizeBytes?: number | undefined;
    readonly hash?: string | undefined;
    readonly algorithm: HashAlgorithm;
  };
  /** Decrypts on the way where the object is encrypted; the object key is what stands in manifests. */
  readonly decrypt?: { readonly decrypt: Decrypt; readonly objectKey: string } | undefined;
  /** The connections of the run, which bound what is received at once; without them each download has its own. */
  readonly ahead?: ReadAhead | undefined;
  /**
   * Of the stored object, so that a large one can be read by several connections; else it is read as a whole. It may say
   * too little, as the file's size does of an encrypted object: the last range has no end.
   */
  readonly storedBytes?: number | undefined;
  /** Given to the file before anyone sees it; the process's own when left out. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface Download {
  readonly sizeBytes: number;
  /** Undefined for the algorithm NONE. */
  readonly hash: string | undefined;
}

/**
 * Brings the object to `targetPath`, replacing what is there, whose directory must exist. The bytes go into a hidden
 * file beside the target, which gets the target's name once size and hash are proved and the bytes are on the disk;
 * a mismatch is `corrupt` and leaves nothing. The new name is durable after a syncDirectory, the caller's to make
 * once for all files of a directory.
 */
export async function download(
  storage: Storage,
  key: string,
  targetPath: string,
  options: DownloadOptions,
): Promise<Download> {
  throwIfAborted(options.signal);
  const partPath = join(dirname(targetPath), `.${basename(targetPath).slice(0, 60)}.${randomUUID()}${partSuffix}`);
  const doing = `write ${targetPath}`;
  const { expected, owner, threads } = options;
  const { sizeBytes, algorithm } = expected;
  const file = await converted(doing, () => PartFile.create(partPath, { owner, sizeBytes }));
  const hasher = createHasher(algorithm, { sizeBytes, threads });
  try {
    const received = () => receive(storage, key, { file, doing, hasher }, options);
    // What follows is the disk's, and the connection somebody else's.
    const result = await (options.ahead?.object(received, options.signal) ?? received());
    // What is whole and proved stays, even where the run has come to its end.
    await converted(doing, () => file.finish(targetPath));
    return result;
  } catch (error) {
    await file.discard();
    throw error;
  } finally {
    hasher.leave();
  }
}

interface Target {
  readonly file: PartFile;
  /** Continues the sentence "cannot …". */
  readonly doing: string;
  readonly hasher: Hasher;
}

async function receive(
  storage: Storage,
  key: string,
  { file, doing, hasher }: Target,
  options: DownloadOptions,
): Promise<Download> {
  const { expected, decrypt, signal } = options;
  const limitBytes = expected.sizeBytes ?? Number.MAX_SAFE_INTEGER;
  let sizeBytes = 0;
  const stored = await openObject(storage, key, options);
  const stream = decrypt === undefined ? stored : await decrypt.decrypt(stored, decrypt.objectKey);
  for await (const chunk of stream) {
    throwIfAborted(signal);
    sizeBytes += chunk.length;
    // More than announced: why fill the disk with it.
    if (sizeBytes > limitBytes) break;
    // The disk works while the hash is taken.
    const written = converted(doing, () => file.write(chunk));
    try {
      await hasher.update(chunk);
    } finally {
      await written;
    }
    options.onBytes?.(chunk.length);
  }
  if (sizeBytes !== (expected.sizeBytes ?? sizeBytes)) {
    const found = sizeBytes > limitBytes ? "more" : String(sizeBytes);
    throw corrupt(key, storage, `${expected.sizeBytes} bytes were expected and ${found} found`);
  }
  const hash = await hasher.digest();
  if (hash !== undefined && hash !== (expected.hash ?? hash)) {
    throw corrupt(key, storage, `its ${expected.algorithm} is ${hash}, but ${expected.hash} was expected`);
  }
  return { sizeBytes, hash };
}

/** The object's bytes at the run's pace. */
async function openObject(storage: Storage, key: string, options: DownloadOptions): Promise<ObjectStream> {
  const { ahead, storedBytes = 0, signal, rateLimit } = options;
  // Progress is told of the file's bytes, not of the object's.
  const get = async (how: GetOptions) => {
    const stream = await storage.get(key, { ...how, transient: true });
    return objectStream(paced(stream, { signal, rateLimit }), stream.metadata);
  };
  const inRanges = storage.capabilities.parallelRanges && ahead !== undefined && storedBytes > ahead.rangeBytes;
  if (!inRanges) return get({ signal });
  const open = (range: ByteRange, stop: AbortSignal) =>
    get({ range, signal: signal === undefined ? stop : AbortSignal.any([signal, stop]) });
  return readInRanges({ name: `'${key}'`, sizeBytes: storedBytes, open }, ahead);
}

function corrupt(key: string, storage: Storage, how: string): AppError {
  return new AppError("corrupt", `object '${key}' in ${storage.description} is damaged: ${how}`, {
    hint: "restore from another backup, and back the node up again",
  });
}

async function converted<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, doing);
  }
}
