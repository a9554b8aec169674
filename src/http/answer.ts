import type { Clock } from "../clock.ts";
import { withDeadline } from "../concurrency/concurrency.ts";
import { AppError, throwIfAborted } from "../errors.ts";
import type { HttpResponse, HttpTerms, HttpTimeouts } from "./exchange.ts";
import type { ResponseHeaders } from "./response-parser.ts";

/** A response whose body has come whole. */
export interface HttpAnswer {
  readonly headers: ResponseHeaders;
  /** The body as UTF-8. */
  readonly text: string;
}

export interface AnswerBound {
  readonly ms: number;
  readonly signal: AbortSignal | undefined;
  /** Continues the sentences "the call to …" and "cannot …". */
  readonly what: string;
  readonly clock: Clock;
}

/** The deadline of calls that are answered at once. */
export const quickMs = 60_000;

/** A server that may work for longer may also be silent for longer, and may keep the connection alive by single bytes. */
export function patientTerms(timeouts: HttpTimeouts, ms: number): Pick<HttpTerms, "timeouts" | "anyByteIsProgress"> {
  const idleMs = timeouts.idleMs * Math.max(1, ms / quickMs);
  return { timeouts: { ...timeouts, idleMs }, anyByteIsProgress: true };
}

/** Reads a response whole, within a deadline for the request and the response together. */
export async function answerWithin(
  { ms, signal: outer, what, clock }: AnswerBound,
  send: (signal: AbortSignal) => Promise<HttpResponse>,
): Promise<HttpAnswer> {
  throwIfAborted(outer);
  using signal = withDeadline(ms, outer, `the call to ${what}`, clock);
  // Awaited here, since the deadline ends with this function.
  return await wholeAnswer(await send(signal), what);
}

/** Listings are the largest: 5,000 names of 1,024 characters, percent-encoded, with 1 KiB beside each, have 50 MiB. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Throws what the terms of the exchange make of a body that does not arrive whole, and `protocol` for one that is too
 * large; `what` continues the sentence "cannot …".
 */
export async function wholeAnswer({ headers, stream }: HttpResponse, what: string): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = [];
  let leftBytes = maxAnswerBytes;
  for await (const chunk of stream) {
    leftBytes -= chunk.length;
    if (leftBytes < 0) throw new AppError("protocol", `cannot ${what}: the answer does not end`);
    chunks.push(chunk);
  }
  return { headers, text: Buffer.concat(chunks).toString("utf8") };
}
