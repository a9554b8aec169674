import { AppError } from "../../errors.ts";

/** The error for a violation of a wire format; `detail` continues the sentence. */
export function malformed(detail: string): AppError {
  return new AppError("protocol", `the jmx answer is malformed: ${detail}`);
}
