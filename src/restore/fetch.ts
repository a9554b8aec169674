import type { Stats } from "node:fs";
import { link, lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { forEachConcurrently, type RateLimit } from "../concurrency/concurrency.ts";
import { AppError, isAppError, systemErrorCode } from "../errors.ts";
import { syncDirectory } from "../files/files.ts";
import type { Logger } from "../log.ts";
import type { Progress } from "../progress.ts";
import { hashAlgorithmOf, type ManifestEntry, type NodeRepository } from "../repository/repository.ts";
import {
  type Decrypt,
  type DownloadOptions,
  download,
  HashThreads,
  hashFile,
  ReadAhead,
} from "../transfer/transfer.ts";
import type { FetchReport, RestoreRun } from "./context.ts";
import { makeDirectory, type Owner } from "./directories.ts";

/** One stored object that must lie at `path` before the restore can go on. */
export interface WantedFile {
  readonly entry: ManifestEntry;
  readonly path: string;
  /** A live file on the same file system that may have the content; it is linked to `path` if its hash is equal. */
  readonly candidate?: string;
}

export interface FetchOptions {
  readonly repository: NodeRepository;
  readonly decrypt: Decrypt;
  readonly owner: Owner | undefined;
  readonly connections: number;
  /** Compare downloads with the hashes in the manifest; otherwise only with the sizes. */
  readonly verify: boolean;
  readonly rateLimit: RateLimit;
  readonly progress: Progress;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** How a restore fetches, as its request says; `owner` is whom the files are given to. */
export function fetchOptions(run: RestoreRun, owner: Owner | undefined): FetchOptions {
  const { repository, request, decrypt, rateLimit, progress, log, signal } = run;
  const verify = request.hashAlgorithm !== "NONE";
  const connections = request.concurrentConnections;
  return { repository, decrypt, connections, verify, rateLimit, progress, log, signal, owner };
}

/** The names of files, each directory listed once: a restore from scratch finds none. */
class DirectoryNames {
  readonly #names = new Map<string, Promise<ReadonlySet<string>>>();

  async has(path: string): Promise<boolean> {
    const directory = dirname(path);
    const names = this.#names.get(directory) ?? namesIn(directory);
    this.#names.set(directory, names);
    return (await names).has(basename(path));
  }
}

async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return new Set();
    throw error;
  }
}

async function statFile(path: string): Promise<Stats | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A staged file was verified by the run that downloaded it; a live file is Cassandra's, of whatever content. */
type Origin = "staged" | "live";

/**
 * Whether the file at `path` is the one in the manifest. Without a hash to compare, the size suffices for a download of
 * an earlier run, but not for a live file or a link to one.
 */
async function holds(
  path: string,
  { size, hash }: ManifestEntry,
  origin: Origin,
  { verify, signal }: Pick<FetchOptions, "verify" | "signal">,
): Promise<boolean> {
  const found = await statFile(path);
  if (found === undefined || (size !== undefined && found.size !== size)) return false;
  const algorithm = verify ? hashAlgorithmOf(hash) : "NONE";
  if (algorithm !== "NONE") return (await hashFile(path, algorithm, { signal })) === hash;
  return origin === "staged" && size !== undefined;
}

/** Whether a live file was linked to this path, so that Cassandra can have changed the content since. */
async function isLinked(path: string): Promise<boolean> {
  return ((await statFile(path))?.nlink ?? 1) > 1;
}

/**
 * The files that must be downloaded. A file at its path is compared with the manifest; so is its candidate, which is
 * linked to the path if it has the content, unless nothing may be touched.
 */
export async function missingFiles(
  files: readonly WantedFile[],
  options: FetchOptions & { readonly touchNothing?: boolean },
): Promise<readonly WantedFile[]> {
  const missing: WantedFile[] = [];
  const names = new DirectoryNames();
  const there = async (path: string, entry: ManifestEntry, origin: Origin, signal: AbortSignal) =>
    (await names.has(path)) && (await holds(path, entry, origin, { ...options, signal }));
  await forEachConcurrently(
    files,
    options.connections,
    async (file, signal) => {
      const { path, entry, candidate } = file;
      const origin = candidate !== undefined && (await isLinked(path)) ? "live" : "staged";
      if (await there(path, entry, origin, signal)) return;
      if (candidate !== undefined && (await there(candidate, entry, "live", signal))) {
        if (options.touchNothing === true) return;
        await makeDirectory(dirname(path), options.owner);
        await rm(path, { force: true });
        await link(candidate, path);
        return;
      }
      missing.push(file);
    },
    { signal: options.signal },
  );
  return missing;
}

/** Bytes that `files` will take; an entry without a size counts as nothing. */
export function bytesOf(files: readonly WantedFile[]): number {
  return files.reduce((sum, { entry }) => sum + (entry.size ?? 0), 0);
}

/** Downloads and verifies the missing files; each appears at its path only whole, right and durable. */
export async function fetchFiles(
  files: readonly WantedFile[],
  missing: readonly WantedFile[],
  options: FetchOptions,
): Promise<FetchReport> {
  const { repository, decrypt, progress, log, owner, connections, rateLimit, verify, signal } = options;
  const directories = new Set(files.map(({ path }) => dirname(path)));
  for (const directory of directories) await makeDirectory(directory, owner);
  const largestFirst = missing.toSorted((a, b) => (b.entry.size ?? 0) - (a.entry.size ?? 0));
  const ahead = new ReadAhead(connections);
  await using threads = new HashThreads();
  let bytes = 0;
  progress.start({ label: "downloading", totalBytes: bytesOf(missing), totalFiles: missing.length });
  try {
    await forEachConcurrently(
      largestFirst,
      // As many again may wait for the disk.
      2 * connections,
      async ({ entry, path }, signal) => {
        const checked = verify ? entry : { ...entry, hash: null };
        const moved = await fetchFile(repository, checked, path, {
          decrypt: { decrypt, objectKey: entry.objectKey },
          rateLimit,
          log,
          signal,
          onBytes: (moved) => progress.add(moved),
          ahead,
          threads,
          storedBytes: entry.size,
          owner,
        });
        bytes += moved;
        progress.fileDone();
      },
      { signal },
    );
  } finally {
    progress.done();
  }
  for (const directory of directories) await syncDirectory(directory);
  const all = bytesOf(files);
  return {
    fetched: { files: missing.length, bytes },
    reused: { files: files.length - missing.length, bytes: all - bytesOf(missing) },
  };
}

type FetchHow = Omit<DownloadOptions, "expected"> & { readonly log: Logger };

async function fetchFile(
  repository: NodeRepository,
  entry: ManifestEntry,
  path: string,
  how: FetchHow,
): Promise<number> {
  const algorithm = hashAlgorithmOf(entry.hash);
  const expected = {
    sizeBytes: entry.size,
    hash: entry.hash ?? undefined,
    algorithm,
  };
  try {
    return await twiceIfDamaged(how, async (onBytes) => {
      const options = { ...how, onBytes, expected };
      return (await download(repository.storage, repository.key(entry.objectKey), path, options)).sizeBytes;
    });
  } catch (error) {
    const hint =
      "this backup cannot be restored as it is: restore an older one, or leave the table out with --entities";
    if (isAppError(error, "not-found")) {
      throw new AppError("corrupt", `the backup names ${entry.objectKey}, which is not in the store`, {
        hint,
        cause: error,
      });
    }
    if (isAppError(error, "corrupt"))
      throw new AppError("corrupt", error.message, { hint: error.hint ?? hint, cause: error });
    throw error;
  }
}

/** A transfer can damage bytes: an object is damaged in the store only if it arrives damaged twice. */
async function twiceIfDamaged<T>(how: FetchHow, fetch: (onBytes: (bytes: number) => void) => Promise<T>): Promise<T> {
  const { log, onBytes = () => undefined } = how;
  let moved = 0;
  try {
    return await fetch((bytes) => {
      moved += bytes;
      onBytes(bytes);
    });
  } catch (error) {
    if (!isAppError(error, "corrupt")) throw error;
    log.warn(`${error.message}; fetching it once more`);
    onBytes(-moved);
    return await fetch(onBytes);
  }
}
