/** The errors that services answer with, as ours. */
import { AppError, type AppErrorOptions, type ErrorCode, isAppError } from "../errors.ts";

/** The operation that was attempted, for messages and hints. */
export interface Operation {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  /** The permissions it needs: "s3:PutObject", "s3:GetObject and s3:ListBucket". */
  readonly permission: string;
  /** As messages name it; "the store" when left out. */
  readonly service?: string | undefined;
}

export interface ServiceError {
  readonly status: number;
  /** "NoSuchKey"; empty where the answer had no body (HEAD). */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, if the server says so. */
  readonly region?: string | undefined;
  /** The body is none of the service's: a server in between has answered. */
  readonly isForeign?: boolean | undefined;
  /** Of a redirect. */
  readonly location?: string | undefined;
  readonly cause?: unknown;
}

/** The class of a service error; each becomes one error code of ours. */
export type ServiceErrorKind =
  | "not-found"
  | "precondition-failed"
  /** The credentials do not allow this. */
  | "denied"
  /** The service rejects the credentials themselves. */
  | "unauthenticated"
  | "wrong-region"
  | "checksum-mismatch"
  | "transient"
  | "throttled"
  | "unsupported"
  | "archived"
  | "final";

/** Carries the parsed answer as the cause of an AppError. */
class ServiceErrorCause extends Error {
  override readonly name = "ServiceErrorCause";
  readonly answer: ServiceError;

  constructor(answer: ServiceError) {
    const options = answer.cause === undefined ? undefined : { cause: answer.cause };
    super(`${answer.status} ${answer.code}: ${answer.message}`, options);
    this.answer = answer;
  }
}

/** The answer behind an error; undefined where no service has answered. */
export function serviceErrorOf({ cause }: AppError): ServiceError | undefined {
  return cause instanceof ServiceErrorCause ? cause.answer : undefined;
}

/** The range that was asked for begins where the object has ended. */
export function isRangeNotSatisfiable(error: unknown): boolean {
  return isAppError(error) && serviceErrorOf(error)?.status === 416;
}

/** Absence as a value, where the store refuses for it. */
export async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAppError(error, "not-found")) return undefined;
    throw error;
  }
}

/**
 * The kind of an answer whose code says nothing more. A proxy without a server behind it answers 404 as well: only the
 * service itself tells that an object is missing, or that it is another than expected.
 */
export function kindOfAnswer({ status, isForeign }: ServiceError): ServiceErrorKind {
  if (isForeign === true && isDenial(status)) return "transient";
  if (isForeign === true && isRedirect(status)) return "final";
  return kindOfStatus(status);
}

/** Of the object, or of the state that is expected of it. */
function isDenial(status: number): boolean {
  return status === 404 || status === 410 || status === 412;
}

function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399 && status !== 304;
}

/** Helps where a server in between has answered, whatever the service. */
function foreignHint({ status, isForeign, location = "" }: ServiceError): string | undefined {
  if (status === 407) return "a proxy wants a login: see --proxy-username";
  if (isForeign !== true) return undefined;
  if (isRedirect(status)) {
    const target = URL.canParse(location) ? ` to ${new URL(location).origin}` : "";
    return `it redirects${target}: name the store itself with --endpoint`;
  }
  return isDenial(status) ? "the answer is not the store's: see --endpoint, and proxies on the way" : undefined;
}

/** The kind of an answer of which only the status is known. */
function kindOfStatus(status: number): ServiceErrorKind {
  if (status === 404) return "not-found";
  if (status === 412) return "precondition-failed";
  if (status === 401 || status === 407) return "unauthenticated";
  if (status === 403) return "denied";
  if (status === 301 || status === 307) return "wrong-region";
  if (status === 405 || status === 501) return "unsupported";
  if (status === 429 || status === 503) return "throttled";
  if (status === 408 || status === 409 || status >= 500) return "transient";
  return "final";
}

/** The message names the service, its code and its words. */
export function answeredError(
  answer: ServiceError,
  code: ErrorCode,
  { what, service = "the store" }: Operation,
  options: Omit<AppErrorOptions, "cause"> = {},
): AppError {
  const said = answer.code === "" ? `status ${answer.status}` : printable(answer.code);
  const isDetailed = answer.message !== "" && answer.message !== answer.code;
  const detail = isDetailed ? `: ${printable(lowerFirst(answer.message))}` : "";
  const cause = new ServiceErrorCause(answer);
  return new AppError(code, `cannot ${what}: ${service} answered ${said}${detail}`, { ...options, cause });
}

/** A server neither forges lines of ours nor commands the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

export function serviceError(
  answer: ServiceError,
  kind: ServiceErrorKind,
  operation: Operation,
  hint?: string,
): AppError {
  const as = (code: ErrorCode, options?: AppErrorOptions) =>
    answeredError(answer, code, operation, { hint: foreignHint(answer) ?? hint, ...options });
  switch (kind) {
    case "not-found":
      return as("not-found");
    case "precondition-failed":
      return as("already-exists");
    case "denied":
      return as("unauthorized", { permissions: operation.permission.split(" and ") });
    case "unauthenticated":
      return as("unauthorized");
    case "wrong-region":
      return as("usage");
    case "checksum-mismatch":
      return as("corrupt", { retryable: true });
    case "transient":
      return as("storage");
    case "throttled":
      return as("throttled");
    case "unsupported":
      return as("unsupported");
    case "archived":
    case "final":
      return as("storage", { retryable: false });
  }
}

/** A sentence of others, as ours are written. */
export function lowerFirst(sentence: string): string {
  const text = sentence.trim().replace(/\.$/, "");
  return /^[A-Z][a-z]/.test(text) ? text[0]?.toLowerCase() + text.slice(1) : text;
}
