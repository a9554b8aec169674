import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { AppError, fileError, throwIfAborted } from "../errors.ts";

export interface ReadOptions {
  /** The consumer is done with each chunk before it asks for the next, so that all chunks may share one buffer. */
  readonly transient?: boolean;
}

/** Measured: smaller costs calls, larger gains nothing and costs memory for every transfer under way. */
export const chunkBytes = 256 * 1024;

/** Opens a regular file for reading; undefined for anything else of that name (links, directories, pipes). */
export async function openRegularFile(path: string): Promise<{ handle: FileHandle; sizeBytes: number } | undefined> {
  // Without O_NONBLOCK the open of a pipe would wait for a writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, sizeBytes: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** A part of a file: `start` inclusive, `end` exclusive; the name is for messages. */
export interface FilePart {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** The file must end where the part does. */
  readonly endsFile?: boolean;
}

/**
 * Gives the part chunk after chunk, from where the last one ended; undefined after the last. Fails with `corrupt` where
 * the file ends before the part, or is to end with it and does not. With `transient`, all chunks share one buffer.
 */
export function chunkReader(
  handle: FileHandle,
  part: FilePart,
  options: ReadOptions = {},
): () => Promise<Uint8Array | undefined> {
  let position = part.start;
  let shared: Buffer | undefined;
  return async () => {
    if (position >= part.end) return undefined;
    const length = Math.min(chunkBytes, part.end - position);
    // One more byte shows a file that goes on, without a call of its own.
    const probed = part.endsFile === true && position + length === part.end ? length + 1 : length;
    const buffer = shared ?? Buffer.allocUnsafeSlow(options.transient === true ? length + 1 : probed);
    if (options.transient === true) shared = buffer;
    const { bytesRead } = await handle.read(buffer, 0, probed, position);
    if (bytesRead === 0 || bytesRead > length) {
      const became = bytesRead === 0 ? "shorter" : "longer";
      throw new AppError("corrupt", `${part.name} became ${became} while it was read`, {
        hint: "something else writes to it",
      });
    }
    position += bytesRead;
    return bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead);
  };
}

/** A part of an open file, which is closed at the end, at a break, on failure, and when the signal is aborted. */
export function readHandle(
  handle: FileHandle,
  part: FilePart,
  options: ReadOptions & { readonly signal?: AbortSignal | undefined } = {},
): AsyncIterable<Uint8Array> {
  const { signal } = options;
  const readPart = chunkReader(handle, part, options);
  let reading = false;
  let closing: Promise<void> | undefined;
  const close = () => {
    signal?.removeEventListener("abort", onAbort);
    closing ??= handle.close();
    return closing;
  };
  // A stream that nobody iterates must not hold its file after the run was stopped.
  const onAbort = () => {
    if (!reading) close().catch(() => undefined);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();

  const readNext = async (): Promise<Uint8Array | undefined> => {
    throwIfAborted(signal);
    return closing === undefined ? readPart() : undefined;
  };
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    reading = true;
    try {
      const value = await readNext();
      if (value !== undefined) return { done: false, value };
    } catch (error) {
      await close().catch(() => undefined);
      throw fileError(error, `read ${part.name}`);
    } finally {
      reading = false;
      if (signal?.aborted === true) onAbort();
    }
    await close();
    return { done: true, value: undefined };
  };
  const finish = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    await close();
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: finish }) };
}

/** Writes the whole chunk, however many calls that takes. */
export async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done);
    done += bytesWritten;
  }
}
