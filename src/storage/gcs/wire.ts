/**
 * Requests to Google Cloud Storage: the JSON interface for everything, but for reading objects, where only the XML one
 * gives the metadata with the bytes.
 */
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import {
  exchange,
  type HttpAgents,
  type HttpRequest,
  type HttpResponse,
  type HttpTimeouts,
  type Operation,
  serviceErrorOf,
} from "../../http/http.ts";
import type { AuthorizationHeaders, GcsCredentials } from "./credentials.ts";
import { fieldsOf, gcsError, gcsServiceError, parseGcsError } from "./errors.ts";

export interface GcsWireOptions {
  readonly url: URL;
  readonly credentials: GcsCredentials;
  readonly agents: HttpAgents;
  readonly clock: Clock;
  readonly timeouts: HttpTimeouts;
}

export interface GcsRequest {
  readonly method: HttpRequest["method"];
  /** Encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Held, so that it can be sent again. */
  readonly body?: readonly Uint8Array[];
  readonly accepts?: (status: number) => boolean;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: Operation;
}

export type Fields = ReturnType<typeof fieldsOf>;

/** For calls that are answered at once. */
const quickMs = 60_000;
/** For calls that make the store move bytes. */
export const slowMs = 15 * 60_000;
/** What goes over at a time: progress shows between two of them. */
const frameBytes = 256 * 1024;

export class GcsWire {
  readonly #options: GcsWireOptions;

  constructor(options: GcsWireOptions) {
    this.#options = options;
  }

  /** Throws what the store refuses, and every failure on the way, as AppErrors. A token that it refuses is got anew. */
  async send(request: GcsRequest): Promise<HttpResponse> {
    const { credentials } = this.#options;
    const { operation, signal } = request;
    throwIfAborted(signal);
    const authorization = await credentials.headers(operation, signal);
    try {
      return await this.#sendAs(request, authorization);
    } catch (error) {
      const status = isAppError(error) ? serviceErrorOf(error)?.status : undefined;
      if (status !== 401 || !credentials.renew(authorization)) throw error;
      return this.#sendAs(request, await credentials.headers(operation, signal));
    }
  }

  /** A call whose answer is JSON, within a deadline. */
  async ask(request: GcsRequest, ms = quickMs): Promise<Fields> {
    throwIfAborted(request.signal);
    const { clock } = this.#options;
    using signal = withDeadline(ms, request.signal, `the call to ${request.operation.what}`, clock);
    return this.fields(await this.send({ ...request, signal }), request.operation);
  }

  async fields({ stream }: HttpResponse, operation: Operation): Promise<Fields> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    if (text === "") return {};
    try {
      return fieldsOf(JSON.parse(text));
    } catch (cause) {
      throw new AppError("protocol", `cannot ${operation.what}: the answer is no JSON`, { cause });
    }
  }

  async #sendAs(request: GcsRequest, authorization: AuthorizationHeaders): Promise<HttpResponse> {
    const { url, agents, timeouts } = this.#options;
    const { method, query = {}, headers, body, accepts, operation, transient, signal } = request;
    const search = new URLSearchParams(query).toString();
    const path = `${url.pathname.replace(/\/$/, "")}${request.path}`;
    const sizeBytes = body?.reduce((sum, { length }) => sum + length, 0) ?? 0;
    const length = method === "POST" || method === "PUT" ? { "content-length": String(sizeBytes) } : {};
    const failure = (error: unknown) => gcsError(error, operation, signal);
    try {
      return await exchange(
        {
          method,
          url,
          path: search === "" ? path : `${path}?${search}`,
          headers: { ...authorization, ...headers, ...length },
          frames: body === undefined ? undefined : framesOf(body),
          transient,
          signal,
        },
        {
          what: operation.what,
          agents,
          timeouts,
          accepts,
          serviceError: (status, _, text) => gcsServiceError(parseGcsError(status, text), operation),
          failure,
        },
      );
    } catch (error) {
      throw failure(error);
    }
  }
}

async function* framesOf(body: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const bytes of body) {
    for (let at = 0; at < bytes.length; at += frameBytes) yield bytes.subarray(at, at + frameBytes);
  }
}

/** A body of JSON, with the header that says so. */
export function jsonBody(value: unknown): Required<Pick<GcsRequest, "body" | "headers">> {
  return {
    body: [Buffer.from(JSON.stringify(value))],
    headers: { "content-type": "application/json; charset=UTF-8" },
  };
}
