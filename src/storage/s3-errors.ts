/** Errors of S3 servers, of the SDK and of the network, as ours. Decided by codes and statuses, never by their texts. */
import { AppError, type AppErrorOptions, abortError, isAppError, systemErrorCode } from "../errors.ts";

/** What was being done, for messages and hints. */
export interface S3Doing {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  /** The permissions it needs: "s3:PutObject", "s3:GetObject and s3:ListBucket". */
  readonly permission: string;
}

/** What a server answered in place of doing what it was asked. */
export interface Refusal {
  readonly status: number;
  /** "NoSuchKey"; empty where the answer had no body (HEAD). */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, if the server says so. */
  readonly region?: string | undefined;
  readonly cause?: unknown;
}

/** The cause of errors that a server's answer has become. */
class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    const options = refusal.cause === undefined ? undefined : { cause: refusal.cause };
    super(`${refusal.status} ${refusal.code}: ${refusal.message}`, options);
    this.refusal = refusal;
  }
}

/** What the server answered, where the error comes from an answer. */
export function refusalBehind({ cause }: AppError): Refusal | undefined {
  return cause instanceof RefusalError ? cause.refusal : undefined;
}

type Kind = "absent" | "taken" | "denied" | "elsewhere" | "spoiled" | "passing" | "throttled" | "cannot" | "archived";

const kinds: Readonly<Record<string, Kind>> = {
  NoSuchKey: "absent",
  NoSuchBucket: "absent",
  NoSuchUpload: "absent",
  NotFound: "absent",
  PreconditionFailed: "taken",
  AccessDenied: "denied",
  AccountProblem: "denied",
  AllAccessDisabled: "denied",
  AuthorizationHeaderMalformed: "elsewhere",
  ExpiredToken: "denied",
  Forbidden: "denied",
  InvalidAccessKeyId: "denied",
  InvalidToken: "denied",
  RequestTimeTooSkewed: "denied",
  SignatureDoesNotMatch: "denied",
  TokenRefreshRequired: "denied",
  IllegalLocationConstraintException: "elsewhere",
  PermanentRedirect: "elsewhere",
  BadDigest: "spoiled",
  IncompleteBody: "spoiled",
  InvalidChunkSizeError: "spoiled",
  InvalidDigest: "spoiled",
  XAmzContentChecksumMismatch: "spoiled",
  XAmzContentSHA256Mismatch: "spoiled",
  ConditionalRequestConflict: "passing",
  InternalError: "passing",
  OperationAborted: "passing",
  RequestTimeout: "passing",
  ServiceUnavailable: "throttled",
  SlowDown: "throttled",
  SlowDownRead: "throttled",
  RequestLimitExceeded: "throttled",
  SlowDownWrite: "throttled",
  ThrottlingException: "throttled",
  Throttling: "throttled",
  TooManyRequests: "throttled",
  MethodNotAllowed: "cannot",
  NotImplemented: "cannot",
  InvalidObjectState: "archived",
};

function kindOf({ status, code }: Refusal): Kind | undefined {
  const known = Object.hasOwn(kinds, code) ? kinds[code] : undefined;
  if (known !== undefined) return known;
  if (status === 404) return "absent";
  if (status === 412) return "taken";
  if (status === 401 || status === 403 || isBlankRefusal({ status, code })) return "denied";
  if (status === 301 || status === 307) return "elsewhere";
  if (status === 405 || status === 501) return "cannot";
  if (status === 429 || status === 503) return "throttled";
  if (status === 408 || status === 409 || status >= 500) return "passing";
  return undefined;
}

/** Where an answer has no body, this is how servers say that a token is over, or that a region is wrong. */
function isBlankRefusal({ status, code }: Pick<Refusal, "status" | "code">): boolean {
  return status === 400 && code === "";
}

export function refusalError(refusal: Refusal, { what, permission }: S3Doing): AppError {
  const said = refusal.code === "" ? `status ${refusal.status}` : refusal.code;
  const detail = refusal.message === "" || refusal.message === refusal.code ? "" : `: ${lowered(refusal.message)}`;
  const message = `cannot ${what}: the store answered ${said}${detail}`;
  const cause = new RefusalError(refusal);
  switch (kindOf(refusal)) {
    case "absent":
      return new AppError("not-found", message, { cause });
    case "taken":
      return new AppError("already-exists", message, { cause });
    case "denied":
      return new AppError("unauthorized", message, { cause, ...denial(refusal, permission) });
    case "elsewhere":
      return new AppError("usage", message, { cause, hint: regionHint(refusal) });
    case "spoiled":
      return new AppError("corrupt", message, { cause, retryable: true });
    case "passing":
      return new AppError("storage", message, { cause });
    case "throttled":
      return new AppError("throttled", message, { cause });
    case "cannot":
      return new AppError("unsupported", message, { cause });
    case "archived":
      return new AppError("storage", message, {
        cause,
        retryable: false,
        hint: "the object has been archived: bring it back first, with the tools of the store",
      });
    case undefined:
      return new AppError("storage", message, { cause, retryable: false });
  }
}

/** Whether it is the credentials themselves that are refused, or what they may do. */
function denial({ code, status }: Refusal, permission: string): Pick<AppErrorOptions, "hint" | "permissions"> {
  if (isBlankRefusal({ status, code })) {
    return { hint: "the credentials may have expired, or the region may be wrong: check both (--region, AWS_REGION)" };
  }
  switch (code) {
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "InvalidToken":
      return { hint: "check the access key and its secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile)" };
    case "ExpiredToken":
    case "TokenRefreshRequired":
      return { hint: "the session is over: get new temporary credentials" };
    case "RequestTimeTooSkewed":
      return { hint: "set this machine's clock" };
    default:
      if (status === 401) return { hint: "check the credentials" };
      return { hint: `the credentials need the permission ${permission}`, permissions: permission.split(" and ") };
  }
}

function regionHint({ region }: Refusal): string {
  return region === undefined ? "the bucket is in another region: name it with --region" : `add --region ${region}`;
}

/** A server's sentence, as ours are written. */
function lowered(sentence: string): string {
  const text = sentence.trim().replace(/\.$/, "");
  return /^[A-Z][a-z]/.test(text) ? text[0]?.toLowerCase() + text.slice(1) : text;
}

const untrusted = new Set([
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whatever a call to the store or to the SDK has thrown, as ours. */
export function s3Error(error: unknown, doing: S3Doing, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const refusal = refusalOf(error);
  if (refusal !== undefined) return refusalError(refusal, doing);
  const { what } = doing;
  const name = error instanceof Error ? error.name : "";
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name)) {
    return new AppError("unauthorized", `cannot ${what}: no credentials were found`, {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
      cause: error,
    });
  }
  const code = systemErrorCode(error);
  const message = `cannot ${what}: ${error instanceof Error ? error.message : String(error)}`;
  if (code !== undefined && untrusted.has(code)) {
    const hint = "name the authority that signed the store's certificate with --ca-file";
    return new AppError("unreachable", message, { cause: error, retryable: false, hint });
  }
  if (code === "EPROTO" || code?.startsWith("ERR_SSL_") === true || code?.startsWith("HPE_") === true) {
    const hint = "the other side may speak HTTP where HTTPS is expected: see --insecure-http and --endpoint";
    return new AppError("protocol", message, { cause: error, hint });
  }
  if (code === "ERR_PROXY_TUNNEL") return new AppError("unreachable", message, { cause: error, retryable: false });
  if (code !== undefined && /^(E[A-Z_]+|ERR_(STREAM|SOCKET)_.*)$/.test(code)) {
    return new AppError("unreachable", message, { cause: error });
  }
  // So the SDK calls some broken connections, too, which the codes have told apart.
  if (name === "TimeoutError") return new AppError("timeout", message, { cause: error });
  return new AppError("storage", message, { cause: error, retryable: false });
}

/** What the SDK says of a server's answer; undefined where there was none. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  const status = Number(metadata.httpStatusCode);
  if (!Number.isInteger(status)) return undefined;
  // Of an answer without a body the SDK makes up a name, and repeats it as the message.
  const code = /^(UnknownError|Unknown|\d+)$/.test(error.name) ? "" : error.name;
  const message = /^(UnknownError|Unknown)$/.test(error.message) ? "" : error.message;
  // An answer of 200 may still turn out to be an error, once the server has got to the end of its work.
  return { status: status === 200 ? 500 : status, code, message, region: regionOf(error), cause: error };
}

function regionOf(error: object): string | undefined {
  if ("Region" in error && typeof error.Region === "string") return error.Region;
  const response: unknown = "$response" in error ? error.$response : undefined;
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined;
  const headers: unknown = response.headers;
  if (typeof headers !== "object" || headers === null || !("x-amz-bucket-region" in headers)) return undefined;
  return String(headers["x-amz-bucket-region"]);
}

/** The refusal in a response that has come without the SDK. */
export function parseRefusal(status: number, body: string, region?: string): Refusal {
  const text = (element: string) => unescaped(new RegExp(`<${element}>([^<]*)</${element}>`).exec(body)?.[1] ?? "");
  const told = text("Region");
  return { status, code: text("Code"), message: text("Message"), region: region ?? (told === "" ? undefined : told) };
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
