import type { Clock } from "../clock.ts";
import { withDeadline } from "../concurrency/concurrency.ts";
import { throwIfAborted } from "../errors.ts";
import type { HttpResponse } from "./exchange.ts";
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
  /** Continues the sentence "the call to …". */
  readonly what: string;
  readonly clock: Clock;
}

/** Reads a response whole, within a deadline for the request and the response together. */
export async function answerWithin(
  { ms, signal: outer, what, clock }: AnswerBound,
  send: (signal: AbortSignal) => Promise<HttpResponse>,
): Promise<HttpAnswer> {
  throwIfAborted(outer);
  using signal = withDeadline(ms, outer, `the call to ${what}`, clock);
  return wholeAnswer(await send(signal));
}

/** Throws what the terms of the exchange make of a body that does not arrive whole. */
export async function wholeAnswer({ headers, stream }: HttpResponse): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { headers, text: Buffer.concat(chunks).toString("utf8") };
}
