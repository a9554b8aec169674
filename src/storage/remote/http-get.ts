/** Reading an object over HTTP, in whole or a range of it, as all stores do that speak it. */
import { AppError } from "../../errors.ts";
import type { HttpResponse, ResponseHeaders } from "../../http/http.ts";
import { isRangeNotSatisfiable } from "../../http/http.ts";
import type { ByteRange, GetOptions, ObjectInfo, ObjectStream } from "../contract.ts";
import { checkRange, rangeHeader } from "../keys.ts";
import { nothing, objectStream } from "../object-stream.ts";

export interface GetRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly transient: boolean | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface HttpGet {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  stat(): Promise<ObjectInfo | undefined>;
  send(how: GetRequest): Promise<HttpResponse>;
  metadataOf(headers: ResponseHeaders): ObjectStream["metadata"];
}

export async function httpGet(
  { range, transient, signal }: GetOptions,
  { what, stat, send, metadataOf }: HttpGet,
): Promise<ObjectStream> {
  checkRange(range);
  if (range !== undefined && range.start === range.end) {
    // There is no way to ask for nothing; whether the object is there must be told all the same.
    if ((await stat()) !== undefined) return nothing();
    throw new AppError("not-found", `cannot ${what}: it is not there`);
  }
  try {
    const headers = range === undefined ? {} : { range: rangeHeader(range) };
    const response = await send({ headers, transient, signal });
    const refusal = range === undefined ? notWhole(response) : notRange(range, response);
    if (refusal === undefined) return objectStream(response.stream, metadataOf(response.headers));
    response.discard();
    throw new AppError("protocol", `cannot ${what}: ${refusal}`);
  } catch (error) {
    if (range !== undefined && isRangeNotSatisfiable(error)) return nothing();
    throw error;
  }
}

function notWhole({ status }: HttpResponse): string | undefined {
  return status === 200 ? undefined : `the store answered ${status} instead of the whole object`;
}

/** `Content-Range: bytes 4-6/9`, or `/*` where the length of the object is not known. */
function notRange({ start, end }: ByteRange, { status, headers }: HttpResponse): string | undefined {
  if (status !== 206) return "the store does not know ranges";
  const told = headers["content-range"] ?? "";
  const [, first, last, total = ""] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(told) ?? [];
  const wanted = total === "*" ? end : Math.min(end, Number(total));
  const isWanted = Number(first) === start && (Number(last) === wanted - 1 || (total === "*" && Number(last) < end));
  return isWanted ? undefined : `the store answered the range '${told}' instead of '${rangeHeader({ start, end })}'`;
}
