import { AppError } from "../../errors.ts";

/** What every violation of a wire format becomes; `detail` continues the sentence. */
export function malformed(detail: string): AppError {
  return new AppError("protocol", `the jmx answer is malformed: ${detail}`);
}
