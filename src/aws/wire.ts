/** Signed requests to one service of AWS, or to a server that speaks as it does. */
import type { Clock } from "../clock.ts";
import { type AppError, isAppError, throwIfAborted } from "../errors.ts";
import {
  answerWithin,
  exchange,
  type HttpAgents,
  type HttpAnswer,
  type HttpRequest,
  type HttpResponse,
  type HttpTerms,
  type HttpTimeouts,
  type Operation,
  patientTerms,
  type ResponseHeaders,
  sortedQuery,
} from "../http/http.ts";
import type { Credentials } from "./credentials.ts";
import { awsError } from "./errors.ts";
import { emptyHash, type SignChunk, type Signed, Signer, type SigningIdentity, sha256 } from "./sign.ts";

export interface AwsWireOptions<O extends Operation> {
  /** Of the server, or of a bucket: its path is the caller's concern. */
  readonly url: URL;
  /** For signatures: "s3". */
  readonly service: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly agents: HttpAgents;
  readonly clock: Clock;
  readonly timeouts: HttpTimeouts;
  /** The error of an answer that is none of 2xx. */
  serviceError(status: number, headers: ResponseHeaders, body: string, operation: O): AppError;
  /** Reclassifies an error where the service has accepted a signature of the same key before. */
  reconsider?(error: AppError, request: AwsWireRequest<O>): AppError;
}

/** A body that its request's signature covers, or that covers itself. */
export interface SignedBody {
  /** Its length among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** For the signature: the body's SHA-256, or the name of what stands for it. */
  readonly hash: string;
  /** Bytes that go over the wire, framing included. */
  readonly wireBytes: number;
  /** The body, piece after piece; a piece is left alone once it has been yielded. */
  frames(signChunk: SignChunk): AsyncIterable<Uint8Array>;
}

export interface AwsWireRequest<O extends Operation = Operation> {
  readonly method: HttpRequest["method"];
  /** Encoded, with its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: SignedBody | undefined;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: O;
}

/** From this size on the server is asked first whether it wants the body, so that a refusal costs none. */
const expectContinueBytes = 1024 * 1024;
/** How long a server may be silent, and what ends its silence. */
type Patience = Pick<HttpTerms, "timeouts" | "anyByteIsProgress">;

export class AwsWire<O extends Operation = Operation> {
  readonly #options: AwsWireOptions<O>;
  readonly #signer: Signer;
  /** The key of which the service has accepted a signature. */
  #provenKey: string | undefined;

  constructor(options: AwsWireOptions<O>) {
    this.#options = options;
    this.#signer = new Signer(options);
  }

  /** Throws service errors, and every failure on the way, as AppErrors. */
  send(request: AwsWireRequest<O>): Promise<HttpResponse> {
    return this.#send(request, { timeouts: this.#options.timeouts });
  }

  /** A call with a short answer, within a deadline. */
  call(request: AwsWireRequest<O>, ms: number): Promise<HttpAnswer> {
    const { clock, timeouts } = this.#options;
    const { operation, signal } = request;
    return answerWithin({ ms, signal, what: operation.what, clock }, (bounded) =>
      this.#send({ ...request, signal: bounded }, patientTerms(timeouts, ms)),
    );
  }

  async #send(request: AwsWireRequest<O>, patience: Patience): Promise<HttpResponse> {
    const { credentials, reconsider } = this.#options;
    const { operation, signal } = request;
    throwIfAborted(signal);
    try {
      const identity = await credentials(signal);
      try {
        const response = await this.#exchange(request, this.#signed(request, identity), patience);
        this.#provenKey = identity.accessKeyId;
        return response;
      } catch (error) {
        const isProven = this.#provenKey === identity.accessKeyId;
        throw isProven && isAppError(error) ? (reconsider?.(error, request) ?? error) : error;
      }
    } catch (error) {
      throw awsError(error, operation.what, signal);
    }
  }

  #signed(request: AwsWireRequest<O>, identity: SigningIdentity): Signed {
    const { url, clock } = this.#options;
    const { method, path, query = {}, headers, body } = request;
    const isUpload = method === "POST" || method === "PUT";
    const length = isUpload ? { "content-length": "0" } : {};
    return this.#signer.sign(
      {
        ...{ method, path, query, payloadHash: body?.hash ?? emptyHash, timeMs: clock.now() },
        headers: { host: url.host, ...length, ...headers, ...body?.headers },
      },
      identity,
    );
  }

  #exchange(request: AwsWireRequest<O>, { headers, signChunk }: Signed, patience: Patience): Promise<HttpResponse> {
    const { url, agents } = this.#options;
    const { method, path, query = {}, body, transient, signal, operation } = request;
    const search = sortedQuery(query);
    return exchange(
      {
        ...{ method, url, headers, transient, signal },
        path: search === "" ? path : `${path}?${search}`,
        frames: body?.frames(signChunk),
        expectContinue: body !== undefined && body.wireBytes >= expectContinueBytes,
      },
      {
        ...{ what: operation.what, agents, ...patience },
        serviceError: (...answer) => this.#options.serviceError(...answer, operation),
        failure: (error) => awsError(error, operation.what, signal),
      },
    );
  }
}

/** A short body that is held. */
export function textBody(text: string, contentType: string): SignedBody {
  const bytes = Buffer.from(text);
  return {
    headers: { "content-type": contentType, "content-length": String(bytes.length) },
    hash: sha256(bytes),
    wireBytes: bytes.length,
    frames: async function* () {
      yield bytes;
    },
  };
}
