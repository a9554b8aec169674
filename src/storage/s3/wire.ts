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
      serviceError: (status, { "x-amz-bucket-region": region }, body, operation) =>
        s3ServiceError(parseS3Error(status, body, region), operation),
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

  /**
   * A call whose answer is XML. Servers that have begun with 200 may still answer with an error. Throws `protocol`,
   * which may be tried again, for an answer that is cut short or not XML: every call of ours can be repeated.
   */
  async xml(request: S3Request, ms = quickMs): Promise<XmlElement> {
    const { operation } = request;
    const root = parsed((await this.#call(request, ms)).text, operation);
    if (root.name === "Error") throw s3ServiceError(s3ErrorIn(root, 500), operation);
    return root;
  }

  #call({ key, ...request }: S3Request, ms: number): Promise<HttpAnswer> {
    return this.#wire.call({ ...request, path: this.#pathOf(key) }, ms);
  }

  #pathOf(key = ""): string {
    return `${this.#basePath}/${encodePath(key)}`;
  }
}

function parsed(text: string, { what }: Operation): XmlElement {
  const noXml = (cause?: unknown) =>
    new AppError("protocol", `cannot ${what}: the answer is not the XML of S3`, { cause, retryable: true });
  try {
    // Blanks that kept the connection alive may stand before the XML declaration, too.
    const root = parseXml(text.trim());
    // A page of whoever stands in between may be well-formed, too.
    if (root.name.toLowerCase() !== "html") return root;
  } catch (cause) {
    throw noXml(cause);
  }
  throw noXml();
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
