/** The bytes of a source that one request sends, exactly as many as it announced. */
import { abortable } from "../../concurrency/concurrency.ts";
import { AppError, toAppError } from "../../errors.ts";
import type { ByteRange, ReadOptions, RewindableSource } from "../contract.ts";

/** Part of a source, all of it without a range. */
export interface SourcePart {
  readonly source: RewindableSource;
  readonly range?: ByteRange;
  readonly sizeBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Fails with `corrupt` before the last of the bytes where they are not as many as announced. */
export async function* exactly(
  { source, range, sizeBytes, signal }: SourcePart,
  options?: ReadOptions,
): AsyncGenerator<Uint8Array, void> {
  let seen = 0;
  try {
    for await (const chunk of abortable(source.open(range, options), signal)) {
      seen += chunk.length;
      if (seen > sizeBytes) break;
      yield chunk;
    }
  } catch (error) {
    // The source's own failure, and none of the store's.
    throw toAppError(error);
  }
  if (seen === sizeBytes) return;
  const found = seen > sizeBytes ? "more" : `only ${seen}`;
  throw new AppError("corrupt", `the source announced ${sizeBytes} bytes and had ${found}`);
}

/** The same in one piece, for parts that are small enough. */
export async function held(part: SourcePart): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(part.sizeBytes);
  let filled = 0;
  for await (const chunk of exactly(part, { transient: true })) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}
