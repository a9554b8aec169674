import { isAppError } from "../errors.ts";
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

/** A small object's text; undefined if there is no such object. */
export async function readText(
  storage: Storage,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await storage.get(key, signal === undefined ? {} : { signal })) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if (isAppError(error, "not-found")) return undefined;
    throw error;
  }
}
