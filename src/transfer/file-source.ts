import { open, stat } from "node:fs/promises";
import { AppError, fileError } from "../errors.ts";
import { chunkReader } from "../files/files.ts";
import type { ByteRange, ReadOptions, RewindableSource } from "../storage/storage.ts";

/**
 * A file as the source of a put. Without `sizeBytes` the size is asked for now. A file that turns out longer or shorter
 * when it is read fails the read with `corrupt`, so that no half-written file is ever taken for a whole one.
 */
export async function fileSource(path: string, sizeBytes?: number): Promise<RewindableSource> {
  const size = sizeBytes ?? (await sizeOf(path));
  return { sizeBytes: size, open: (range, options) => readFile(path, size, range, options) };
}

async function sizeOf(path: string): Promise<number> {
  try {
    const stats = await stat(path);
    if (stats.isFile()) return stats.size;
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
  throw new AppError("io", `cannot read ${path}: it is not a regular file`);
}

async function* readFile(
  path: string,
  sizeBytes: number,
  range: ByteRange | undefined,
  options: ReadOptions | undefined,
): AsyncGenerator<Uint8Array, void> {
  try {
    await using handle = await open(path, "r");
    const end = Math.min(range?.end ?? sizeBytes, sizeBytes);
    const part = { start: range?.start ?? 0, end, name: path, endsFile: end === sizeBytes };
    const next = chunkReader(handle, part, options);
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
    // Of nothing there was nothing to read.
    if (sizeBytes === 0 && (await handle.stat()).size !== sizeBytes) {
      throw new AppError("corrupt", `${path} became longer while it was read`, { hint: "something else writes to it" });
    }
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
}
