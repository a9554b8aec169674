/** Requests about one bucket, its answers as XML, and the errors of S3. */
import { AwsWire, type Credentials, type SignedBody } from "../../aws/aws.ts";
import type { Clock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import {
  encodePath,
  type HttpAgents,
  type HttpAnswer,
  type HttpRequest,
  type HttpResponse,
  type HttpTimeouts,
  type Operation,
  parseXml,
  quickMs,
  type ResponseHeaders,
  serviceErrorOf,
  type XmlElement,
} from "../../http/http.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import { parseS3Error, s3ErrorIn, s3ServiceError } from "./errors.ts";
import { signedChunksHash } from "./payload.ts";

export interface S3WireOptions {
  /** The bucket's own; a key is appended to its path. */
  readonly url: URL;
  readonly region: string;
  readonly credentials: Credentials;
  readonly agents: HttpAgents;
  readonly clock: Clock;
  readonly timeouts: HttpTimeouts;
  /** See the dialect. */
  readonly transientAccessDenied: boolean;
}

export interface S3Request {
  readonly method: HttpRequest["method"];
  /** The bucket itself when left out. */
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: SignedBody | undefined;
  /** See {@link HttpRequest}. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly operation: Operation;
}

/** For calls that make the server move bytes. */
export const slowMs = 15 * 60_000;

export class S3Wire {
  readonly #wire: AwsWire;
  readonly #basePath: string;

  constructor({ transientAccessDenied, ...options }: S3WireOptions) {
    this.#basePath = options.url.pathname.replace(/\/$/, "");
    this.#wire = new AwsWire({
      ...options,
      service: "s3",
      serviceError: (status, { "x-amz-bucket-region": region, location }, body, operation) =>
        s3ServiceError({ ...parseS3Error(status, body, region), location }, operation),
      reconsider: (error, { method, body }) =>
        body === undefined ? error : reconsidered(error, method === "PUT" && transientAccessDenied, body),
    });
  }

  /** An answer that carries an object, or the answer to a request that does. Throws AppErrors. */
  send({ key, ...request }: S3Request): Promise<HttpResponse> {
    return this.#wire.send({ ...request, path: this.#pathOf(key) });
  }

  /** A call of whose answer only the headers matter. */
  async headers(request: S3Request, ms = quickMs): Promise<ResponseHeaders> {
    return (await this.#call(request, ms)).headers;
  }

  /** A request that stores bytes. Throws `protocol`, which may be tried again, for an answer without an ETag. */
  async store(request: S3Request): Promise<{ readonly etag: string; readonly headers: ResponseHeaders }> {
    const response = await this.send(request);
    response.discard();
    const { headers } = response;
    const { etag } = headers;
    // A server in between answers with 200 as well, and has stored nothing.
    if (etag === undefined) throw malformedAnswer(request.operation, "without an ETag");
    return { etag, headers };
  }

  /**
   * A call whose answer is XML with this root. Servers that have begun with 200 may still answer with an error. Throws
   * `protocol`, which may be tried again, for anything else: every call of ours can be repeated.
   */
  async xml(request: S3Request, root: string, ms = quickMs): Promise<XmlElement> {
    const { operation } = request;
    const element = parsed((await this.#call(request, ms)).text, operation);
    if (element.name === "Error") throw s3ServiceError(s3ErrorIn(element, 500), operation);
    if (element.name !== root) throw notS3(operation, new Error(`its root is <${element.name}>, not <${root}>`));
    return element;
  }

  #call({ key, ...request }: S3Request, ms: number): Promise<HttpAnswer> {
    return this.#wire.call({ ...request, path: this.#pathOf(key) }, ms);
  }

  #pathOf(key = ""): string {
    return `${this.#basePath}/${encodePath(key)}`;
  }
}

function parsed(text: string, operation: Operation): XmlElement {
  try {
    // Blanks that kept the connection alive may stand before the XML declaration, too.
    return parseXml(text.trim());
  } catch (cause) {
    throw notS3(operation, cause);
  }
}

function notS3(operation: Operation, cause: unknown): AppError {
  return malformedAnswer(operation, "not the XML of S3", cause);
}

/** Reclassifies an error of a request with a body: the store has accepted a signature of the same key before. */
function reconsidered(error: AppError, mayBeTransient: boolean, body: SignedBody): AppError {
  const answer = serviceErrorOf(error);
  if (answer === undefined) return error;
  const { message, hint, cause, permissions } = error;
  const { code, status } = answer;
  // A server that does not say why has not understood the request, as it did others of this kind.
  if (code === "" && status === 400) return new AppError("storage", message, { cause });
  // A byte of a signed chunk that is another on arrival shows as a wrong signature.
  if (code === "SignatureDoesNotMatch" && body.hash === signedChunksHash) {
    return new AppError("corrupt", message, { retryable: true, cause });
  }
  if (code === "AccessDenied" && mayBeTransient) {
    return new AppError(error.code, message, { hint, retryable: true, cause, permissions });
  }
  return error;
}
