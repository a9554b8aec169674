/** Errors of S3 servers, of the SDK and of the network, as ours. Decided by codes and statuses, never by their texts. */
import { AppError, abortError, isAppError } from "../errors.ts";
import {
  kindOfStatus,
  networkError,
  type Operation,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
  xmlText,
} from "../http/http.ts";

const kinds: Readonly<Record<string, ServiceErrorKind>> = {
  NoSuchKey: "not-found",
  NoSuchBucket: "not-found",
  NoSuchUpload: "not-found",
  NotFound: "not-found",
  PreconditionFailed: "precondition-failed",
  AccessDenied: "denied",
  AccountProblem: "denied",
  AllAccessDisabled: "denied",
  AuthorizationHeaderMalformed: "wrong-region",
  ExpiredToken: "unauthenticated",
  Forbidden: "denied",
  InvalidAccessKeyId: "unauthenticated",
  InvalidToken: "unauthenticated",
  RequestTimeTooSkewed: "unauthenticated",
  SignatureDoesNotMatch: "unauthenticated",
  TokenRefreshRequired: "unauthenticated",
  IllegalLocationConstraintException: "wrong-region",
  PermanentRedirect: "wrong-region",
  BadDigest: "checksum-mismatch",
  IncompleteBody: "checksum-mismatch",
  InvalidChunkSizeError: "checksum-mismatch",
  InvalidDigest: "checksum-mismatch",
  XAmzContentChecksumMismatch: "checksum-mismatch",
  XAmzContentSHA256Mismatch: "checksum-mismatch",
  ConditionalRequestConflict: "transient",
  InternalError: "transient",
  OperationAborted: "transient",
  RequestTimeout: "transient",
  ServiceUnavailable: "throttled",
  SlowDown: "throttled",
  SlowDownRead: "throttled",
  RequestLimitExceeded: "throttled",
  SlowDownWrite: "throttled",
  ThrottlingException: "throttled",
  Throttling: "throttled",
  TooManyRequests: "throttled",
  MethodNotAllowed: "unsupported",
  NotImplemented: "unsupported",
  InvalidObjectState: "archived",
};

/** Where an answer has no body, this is how servers say that a token is over, or that a region is wrong. */
function hasNoBody({ status, code }: Pick<ServiceError, "status" | "code">): boolean {
  return status === 400 && code === "";
}

export function awsServiceError(answer: ServiceError, operation: Operation): AppError {
  const known = Object.hasOwn(kinds, answer.code) ? kinds[answer.code] : undefined;
  const kind = known ?? (hasNoBody(answer) ? "unauthenticated" : kindOfStatus(answer.status));
  return serviceError(answer, kind, operation, hintFor(answer, kind, operation));
}

function hintFor(answer: ServiceError, kind: ServiceErrorKind, { permission }: Operation): string | undefined {
  switch (kind) {
    case "denied":
      return `the credentials need the permission ${permission}`;
    case "unauthenticated":
      return identityHint(answer);
    case "wrong-region":
      return regionHint(answer);
    case "archived":
      return "the object has been archived: bring it back first, with the tools of the store";
    default:
      return undefined;
  }
}

function identityHint({ code, status }: ServiceError): string {
  if (hasNoBody({ status, code })) {
    return "the credentials may have expired, or the region may be wrong: check both (--region, AWS_REGION)";
  }
  switch (code) {
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "InvalidToken":
      return "check the access key and its secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile)";
    case "ExpiredToken":
    case "TokenRefreshRequired":
      return "the session is over: get new temporary credentials";
    case "RequestTimeTooSkewed":
      return "set this machine's clock";
    default:
      return "check the credentials";
  }
}

function regionHint({ region }: ServiceError): string {
  return region === undefined ? "the bucket is in another region: name it with --region" : `add --region ${region}`;
}

/** Whatever a call to the store or to the SDK has thrown, as ours. */
export function s3Error(error: unknown, operation: Operation, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const answer = sdkServiceError(error);
  return answer === undefined ? transportError(error, operation.what) : awsServiceError(answer, operation);
}

/** What has gone wrong on the way to a server, or before anything was sent; `what` continues the sentence "cannot …". */
export function transportError(error: unknown, what: string): AppError {
  const name = error instanceof Error ? error.name : "";
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name)) {
    return new AppError("unauthorized", `cannot ${what}: no credentials were found`, {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
      cause: error,
    });
  }
  const failed = networkError(error, what);
  if (failed !== undefined) return failed;
  const message = `cannot ${what}: ${error instanceof Error ? error.message : String(error)}`;
  // So the SDK calls some broken connections, too, which the codes have told apart.
  if (name === "TimeoutError") return new AppError("timeout", message, { cause: error });
  return new AppError("storage", message, { cause: error, retryable: false });
}

/** What the SDK says of a server's answer; undefined where there was none. */
export function sdkServiceError(error: unknown): ServiceError | undefined {
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

/** The service error in a response. */
export function parseServiceError(status: number, body: string, region?: string): ServiceError {
  const told = xmlText(body, "Region");
  return {
    status,
    code: xmlText(body, "Code"),
    message: xmlText(body, "Message"),
    region: region ?? (told === "" ? undefined : told),
  };
}
