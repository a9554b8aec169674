/**
 * Requests to Google Cloud Storage: the JSON interface for everything, but for reading objects, where only the XML one
 * gives the metadata with the bytes.
 */
import type { Clock } from "../../clock.ts";
import { isAppError, throwIfAborted } from "../../errors.ts";
import {
  answerWithin,
  bufferedBody,
  callError,
  exchange,
  fieldsOf,
  type HttpAgents,
  type HttpAnswer,
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type HttpTimeouts,
  type JsonFields,
  type Operation,
  type OptionalFields,
  presentFields,
  quickMs,
  serviceErrorOf,
  sortedQuery,
  wholeAnswer,
} from "../../http/http.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import type { AuthorizationHeaders, GcsCredentials } from "./credentials.ts";
import { gcsServiceError, parseGcsError } from "./errors.ts";

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
  readonly query?: OptionalFields | undefined;
  /** In lower case. */
  readonly headers?: OptionalFields | undefined;
  /** Can be sent again. */
  readonly body?: HttpBody | undefined;
  readonly accepts?: ((status: number) => boolean) | undefined;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: Operation;
}

export type Fields = JsonFields;

/** For calls that make the store move bytes. */
export const slowMs = 15 * 60_000;

export class GcsWire {
  readonly #options: GcsWireOptions;

  constructor(options: GcsWireOptions) {
    this.#options = options;
  }

  /** Throws what the store refuses, and every failure on the way, as AppErrors. A refused token is renewed once. */
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
    const { signal, operation } = request;
    const { clock } = this.#options;
    const send = (bounded: AbortSignal) => this.send({ ...request, signal: bounded });
    return fieldsIn(await answerWithin({ ms, signal, what: operation.what, clock }, send), operation);
  }

  /** The JSON of a response; no fields where it has no body. */
  async fields(response: HttpResponse, operation: Operation): Promise<Fields> {
    return fieldsIn(await wholeAnswer(response, operation.what), operation);
  }

  async #sendAs(request: GcsRequest, authorization: AuthorizationHeaders): Promise<HttpResponse> {
    const { url, agents, timeouts } = this.#options;
    const { method, query = {}, headers, body, accepts, operation, transient, signal } = request;
    const search = sortedQuery(presentFields(query));
    const path = `${url.pathname.replace(/\/$/, "")}${request.path}`;
    const hasLength = method === "POST" || method === "PUT";
    const length = { "content-length": hasLength ? String(body?.sizeBytes ?? 0) : undefined };
    return exchange(
      {
        method,
        url,
        path: search === "" ? path : `${path}?${search}`,
        headers: presentFields({ ...authorization, ...headers, ...length }),
        frames: body?.frames,
        transient,
        signal,
      },
      {
        what: operation.what,
        agents,
        timeouts,
        accepts,
        serviceError: (status, { location }, text) =>
          gcsServiceError({ ...parseGcsError(status, text), location }, operation),
        failure: (error) => callError(error, operation.what, signal),
      },
    );
  }
}

function fieldsIn({ text }: HttpAnswer, operation: Operation): Fields {
  if (text === "") return {};
  try {
    return fieldsOf(JSON.parse(text));
  } catch (cause) {
    throw malformedAnswer(operation, "no JSON", cause);
  }
}

/** A body of JSON, with the header that says so. */
export function jsonBody(value: unknown) {
  return {
    body: bufferedBody(Buffer.from(JSON.stringify(value))),
    headers: { "content-type": "application/json; charset=UTF-8" },
  };
}
