/** Requests to Azure's Blob Storage: about a container, or about a blob in it. */
import type { Clock } from "../../clock.ts";
import { throwIfAborted } from "../../errors.ts";
import {
  answerWithin,
  callError,
  encodePath,
  exchange,
  type HttpAgents,
  type HttpAnswer,
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type HttpTerms,
  type HttpTimeouts,
  type Operation,
  type OptionalFields,
  parseXml,
  patientTerms,
  presentFields,
  quickMs,
  sortedQuery,
  type XmlElement,
} from "../../http/http.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import type { Authorize } from "./credentials.ts";
import { azureServiceError, isOfStore, parseAzureError } from "./errors.ts";

export interface AzureWireOptions {
  readonly agents: HttpAgents;
  readonly timeouts: HttpTimeouts;
  /** The container's own, where keys are appended to the path. */
  readonly url: URL;
  readonly authorize: Authorize;
  readonly clock: Clock;
}

export interface AzureRequest {
  readonly method: HttpRequest["method"];
  /** The request is about the container where there is none. */
  readonly key?: string | undefined;
  readonly query?: OptionalFields | undefined;
  /** Names in lower case. */
  readonly headers?: OptionalFields | undefined;
  readonly body?: HttpBody | undefined;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: Operation;
}

/** A request within the body of another, with all that it needs to be sent. */
export interface EmbeddedRequest {
  /** Encoded, with the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** From this size on the server is asked first whether it wants the body. */
const expectContinueBytes = 1024 * 1024;
/** Of the protocol: the oldest that has all we use, so that servers behind the newest know it, too. */
const version = "2021-12-02";

/** How long a server may be silent, and what ends its silence. */
type Patience = Pick<HttpTerms, "timeouts" | "anyByteIsProgress">;

export class AzureWire {
  readonly #options: AzureWireOptions;

  constructor(options: AzureWireOptions) {
    this.#options = options;
  }

  /** Throws what the server refuses, and every failure on the way, as AppErrors. */
  send(request: AzureRequest): Promise<HttpResponse> {
    return this.#send(request, { timeouts: this.#options.timeouts });
  }

  /** A call whose response is read whole, within a deadline. */
  ask(request: AzureRequest, ms = quickMs): Promise<HttpAnswer> {
    const { signal, operation } = request;
    const { clock, timeouts } = this.#options;
    return answerWithin({ ms, signal, what: operation.what, clock }, (bounded) =>
      this.#send({ ...request, signal: bounded }, patientTerms(timeouts, ms)),
    );
  }

  /** A call that can be repeated and whose response is XML with this root. Anything else is `protocol`, and retryable. */
  async askXml(request: AzureRequest, root: string): Promise<XmlElement> {
    const { text } = await this.ask(request);
    try {
      const element = parseXml(text);
      if (element.name === root) return element;
      throw new Error(`its root is <${element.name}>`);
    } catch (cause) {
      throw malformedAnswer(request.operation, `no XML of a <${root}>`, cause);
    }
  }

  /** The request as {@link send} would send it, to be embedded in a batch, which has the version header. */
  async embed(request: AzureRequest): Promise<EmbeddedRequest> {
    const { target, headers } = await this.#prepare(request, { "x-ms-date": this.#date() });
    return { target, headers };
  }

  async #send(request: AzureRequest, patience: Patience): Promise<HttpResponse> {
    const { method, body, transient, signal, operation } = request;
    throwIfAborted(signal);
    const { url, agents } = this.#options;
    const hasLength = body !== undefined || method === "PUT" || method === "POST";
    const { target, headers } = await this.#prepare(request, {
      "content-length": hasLength ? String(body?.sizeBytes ?? 0) : undefined,
      "x-ms-date": this.#date(),
      "x-ms-version": version,
    });
    const expectContinue = body !== undefined && body.sizeBytes >= expectContinueBytes;
    const response = await exchange(
      { method, url, path: target, headers, frames: body?.frames, expectContinue, transient, signal },
      {
        what: operation.what,
        agents,
        ...patience,
        serviceError: (status, told, text) =>
          azureServiceError({ ...parseAzureError(status, told, text), location: told["location"] }, operation),
        failure: (error) => callError(error, operation.what, signal),
      },
    );
    if (isOfStore(response.headers)) return response;
    response.discard();
    throw malformedAnswer(operation, "not the store's: it has no x-ms-request-id");
  }

  #date(): string {
    return new Date(this.#options.clock.now()).toUTCString();
  }

  async #prepare(request: AzureRequest, added: OptionalFields): Promise<EmbeddedRequest> {
    const { method, key, operation, signal } = request;
    const { url, authorize } = this.#options;
    const path = key === undefined ? url.pathname : `${url.pathname}/${encodePath(key)}`;
    const query = presentFields({ restype: key === undefined ? "container" : undefined, ...request.query });
    const headers = presentFields({ ...request.headers, ...added });
    const authorization = await authorize({ method, path, query, headers }, operation, signal);
    const parameters = [sortedQuery(query), authorization.query ?? ""].filter((text) => text !== "").join("&");
    return {
      target: parameters === "" ? path : `${path}?${parameters}`,
      headers: { ...headers, ...authorization.headers },
    };
  }
}
