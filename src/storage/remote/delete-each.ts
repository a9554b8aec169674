import { forEachConcurrently } from "../../concurrency/concurrency.ts";
import { isAppError, throwIfAborted, toAppError } from "../../errors.ts";
import type { CallOptions, DeleteResult } from "../contract.ts";

export type DeleteFailure = DeleteResult["failed"][number];

/** Deletes with one request for each key, so many at a time. A key that is not there counts as deleted. */
export async function deleteEach(
  keys: readonly string[],
  atOnce: number,
  remove: (key: string, signal: AbortSignal) => Promise<unknown>,
  options: CallOptions = {},
): Promise<readonly DeleteFailure[]> {
  const failed: DeleteFailure[] = [];
  const work = async (key: string, signal: AbortSignal) => {
    try {
      await remove(key, signal);
    } catch (error) {
      throwIfAborted(signal);
      if (!isAppError(error, "not-found")) failed.push({ key, error: toAppError(error) });
    }
  };
  await forEachConcurrently(new Set(keys), atOnce, work, options);
  return failed;
}
