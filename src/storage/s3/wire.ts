/** The requests that carry objects, sent without the SDK's pipeline: a signature and a socket, at half the cost. */

import { awsServiceError, emptyHash, parseServiceError, Signer, type SigningIdentity, s3Error } from "../../aws/aws.ts";
import type { Clock } from "../../clock.ts";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import {
  encodePath,
  exchange,
  type HttpAgents,
  type HttpRequest,
  type HttpResponse,
  type HttpTerms,
  type HttpTimeouts,
  type Operation,
  serviceErrorOf,
  sortedQuery,
} from "../../http/http.ts";
import { type Payload, signedChunksHash } from "./payload.ts";

export interface WireOptions {
  /** The bucket's own, where keys are appended to the path. */
  readonly url: URL;
  readonly identity: () => Promise<SigningIdentity>;
  readonly agents: HttpAgents;
  readonly clock: Clock;
  readonly timeouts: HttpTimeouts;
  /** See the dialect. */
  readonly transientAccessDenied: boolean;
}

export interface WireRequest {
  readonly method: "GET" | "PUT";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: Operation;
}

/** From this size on the server is asked first whether it wants the body, so that a refusal costs none. */
const askFirstBytes = 1024 * 1024;
export class Wire {
  readonly #options: WireOptions;
  readonly #signer = new Signer();
  /** The key that the store has accepted a signature of. */
  #provenKey: string | undefined;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** The store has accepted a signature that the SDK made, with the same key. */
  async accepted(): Promise<void> {
    this.#provenKey = (await this.#options.identity()).accessKeyId;
  }

  /** Throws what the server refuses, and every failure on the way, as AppErrors. */
  async send(request: WireRequest): Promise<HttpResponse> {
    throwIfAborted(request.signal);
    try {
      const identity = await this.#options.identity();
      try {
        const response = await exchange(this.#signed(request, identity), this.#terms(request));
        this.#provenKey = identity.accessKeyId;
        return response;
      } catch (error) {
        if (this.#provenKey !== identity.accessKeyId) throw error;
        throw reconsidered(error, request, this.#options.transientAccessDenied);
      }
    } catch (error) {
      throw s3Error(error, request.operation, request.signal);
    }
  }

  #signed(
    { method, key, query = {}, headers = {}, payload, transient, signal }: WireRequest,
    identity: SigningIdentity,
  ): HttpRequest {
    const { url, clock } = this.#options;
    const path = `${url.pathname.replace(/\/$/, "")}/${encodePath(key)}`;
    const signed = this.#signer.sign(
      {
        method,
        path,
        query,
        headers: { host: url.host, ...headers, ...payload?.headers },
        payloadHash: payload?.hash ?? emptyHash,
        timeMs: clock.now(),
      },
      identity,
    );
    const text = sortedQuery(query);
    return {
      method,
      url,
      path: text === "" ? path : `${path}?${text}`,
      headers: signed.headers,
      frames: payload?.frames(signed.signChunk),
      asksFirst: payload !== undefined && payload.wireBytes >= askFirstBytes,
      transient,
      signal,
    };
  }

  #terms({ operation, signal }: WireRequest): HttpTerms {
    const { agents, timeouts } = this.#options;
    return {
      what: operation.what,
      agents,
      timeouts,
      serviceError: (status, { "x-amz-bucket-region": region }, body) =>
        awsServiceError(parseServiceError(status, body, typeof region === "string" ? region : undefined), operation),
      failure: (error) => s3Error(error, operation, signal),
    };
  }
}

/** Reads a service error anew where the store has accepted a signature of the same key before. */
function reconsidered(error: unknown, { payload }: WireRequest, transientAccessDenied: boolean): unknown {
  const answer = isAppError(error) ? serviceErrorOf(error) : undefined;
  if (!isAppError(error) || answer === undefined || payload === undefined) return error;
  const { message, hint, cause } = error;
  const { code, status } = answer;
  // A server that does not say why has not understood the request, which others like it were.
  if (code === "" && status === 400) return new AppError("storage", message, { cause });
  // Where chunks are signed, a byte that was spoiled shows as a wrong signature.
  if (code === "SignatureDoesNotMatch" && payload.hash === signedChunksHash) {
    return new AppError("corrupt", message, { retryable: true, cause });
  }
  if (code === "AccessDenied" && transientAccessDenied) {
    return new AppError(error.code, message, { retryable: true, cause, ...(hint === undefined ? {} : { hint }) });
  }
  return error;
}
