import { AppError, isAppError } from "../errors.ts";
import type { RewindableSource, Storage } from "../storage/storage.ts";

/** A source of bytes that are in memory already. */
export function bytesSource(bytes: Uint8Array): RewindableSource {
  return {
    sizeBytes: bytes.length,
    async *open(range) {
      yield range === undefined ? bytes : bytes.subarray(range.start, range.end);
    },
  };
}

/** A small object's text; undefined if there is no such object. Throws `corrupt` for one of more than `limitBytes`. */
export async function readText(
  storage: Storage,
  key: string,
  signal: AbortSignal | undefined,
  limitBytes: number = Number.POSITIVE_INFINITY,
): Promise<string | undefined> {
  try {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of await storage.get(key, { signal })) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) throw new AppError("corrupt", `${key} is larger than any such file of ours`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if (isAppError(error, "not-found")) return undefined;
    throw error;
  }
}
