/** The requests that carry objects, sent without the SDK's pipeline: a proof of who asks, and a socket. */
import type { Clock } from "../clock.ts";
import { throwIfAborted } from "../errors.ts";
import { exchange, type HttpAgents, type HttpResponse, type HttpTerms, type HttpTimeouts } from "../http/http.ts";
import { azureError, azureRefusal } from "./azure-errors.ts";
import type { KeySignable } from "./azure-sign.ts";
import { type Doing, xmlText } from "./refusals.ts";
import { encodePath, sortedQuery } from "./url-text.ts";

/** What goes with a request so that the store knows who asks. */
export type Authorize = (
  request: KeySignable,
  signal: AbortSignal | undefined,
) => Promise<{ readonly headers?: Readonly<Record<string, string>>; readonly query?: string }>;

export interface AzureWireOptions {
  readonly agents: HttpAgents;
  readonly timeouts: HttpTimeouts;
  /** The container's own, where keys are appended to the path. */
  readonly url: URL;
  readonly authorize: Authorize;
  readonly clock: Clock;
}

export interface AzureBody {
  readonly sizeBytes: number;
  /** Piece after piece; a piece is left alone once it has been yielded. */
  readonly frames: AsyncIterable<Uint8Array>;
}

export interface AzureWireRequest {
  readonly method: "GET" | "PUT";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AzureBody;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly doing: Doing;
}

/** From this size on the server is asked first whether it wants the body. */
const expectContinueBytes = 1024 * 1024;
/** Of the protocol: the oldest that has all we use, so that servers behind the newest know it, too. */
const version = "2021-12-02";

export class AzureWire {
  readonly #options: AzureWireOptions;

  constructor(options: AzureWireOptions) {
    this.#options = options;
  }

  /** Throws what the server refuses, and every failure on the way, as AppErrors. */
  async send({
    method,
    key,
    query = {},
    headers: asked = {},
    body,
    transient,
    signal,
    doing,
  }: AzureWireRequest): Promise<HttpResponse> {
    throwIfAborted(signal);
    const { url, agents, timeouts, clock, authorize } = this.#options;
    const failed = (error: unknown) => azureError(error, doing, signal);
    const path = `${url.pathname}/${encodePath(key)}`;
    const headers = {
      ...asked,
      ...(body === undefined ? {} : { "content-length": String(body.sizeBytes) }),
      "x-ms-date": new Date(clock.now()).toUTCString(),
      "x-ms-version": version,
    };
    const proof = await authorize({ method, path, query, headers }, signal).catch((error: unknown) => {
      throw failed(error);
    });
    const parameters = [sortedQuery(query), proof.query ?? ""].filter((text) => text !== "").join("&");
    const request = {
      method,
      url,
      path: parameters === "" ? path : `${path}?${parameters}`,
      headers: { ...headers, ...proof.headers },
      frames: body?.frames,
      expectContinue: body !== undefined && body.sizeBytes >= expectContinueBytes,
      transient,
      signal,
    };
    const terms: HttpTerms = {
      ...{ agents, timeouts, what: doing.what, failure: failed },
      refusal: (status, { "x-ms-error-code": code }, text) => {
        const told = typeof code === "string" ? code : xmlText(text, "Code");
        return azureRefusal({ status, code: told, message: xmlText(text, "Message") }, doing);
      },
    };
    return exchange(request, terms).catch((error: unknown) => {
      throw failed(error);
    });
  }
}
