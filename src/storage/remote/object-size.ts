import type { Operation } from "../../http/http.ts";
import { malformedAnswer } from "./malformed-answer.ts";

/** The length of an object, as a store tells it. Throws `protocol` where it does not: nothing is taken for an empty object. */
export function objectSize(text: string | undefined, operation: Operation): number {
  const digits = text?.trim() ?? "";
  if (/^\d{1,15}$/.test(digits)) return Number(digits);
  throw malformedAnswer(operation, "without the length of an object");
}
