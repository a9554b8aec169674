import { AppError } from "../../errors.ts";
import type { Operation } from "../../http/http.ts";

/** For answers that are not what the protocol says, of calls that can be repeated: all that drivers make. */
export function malformedAnswer({ what }: Operation, how: string, cause?: unknown): AppError {
  return new AppError("protocol", `cannot ${what}: the answer is ${how}`, { cause, retryable: true });
}
