/** Errors of S3 servers, of the SDK and of the network, as ours. Decided by codes and statuses, never by their texts. */
import { AppError, abortError, isAppError } from "../errors.ts";
import {
  type Doing,
  kindOfStatus,
  networkError,
  type Refusal,
  type RefusalKind,
  refused,
  xmlText,
} from "../http/http.ts";

const kinds: Readonly<Record<string, RefusalKind>> = {
  NoSuchKey: "absent",
  NoSuchBucket: "absent",
  NoSuchUpload: "absent",
  NotFound: "absent",
  PreconditionFailed: "taken",
  AccessDenied: "denied",
  AccountProblem: "denied",
  AllAccessDisabled: "denied",
  AuthorizationHeaderMalformed: "elsewhere",
  ExpiredToken: "unidentified",
  Forbidden: "denied",
  InvalidAccessKeyId: "unidentified",
  InvalidToken: "unidentified",
  RequestTimeTooSkewed: "unidentified",
  SignatureDoesNotMatch: "unidentified",
  TokenRefreshRequired: "unidentified",
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

/** Where an answer has no body, this is how servers say that a token is over, or that a region is wrong. */
function isBlankRefusal({ status, code }: Pick<Refusal, "status" | "code">): boolean {
  return status === 400 && code === "";
}

export function refusalError(refusal: Refusal, doing: Doing): AppError {
  const known = Object.hasOwn(kinds, refusal.code) ? kinds[refusal.code] : undefined;
  const kind = known ?? (isBlankRefusal(refusal) ? "unidentified" : kindOfStatus(refusal.status));
  return refused(refusal, kind, doing, hintFor(refusal, kind, doing));
}

function hintFor(refusal: Refusal, kind: RefusalKind, { permission }: Doing): string | undefined {
  switch (kind) {
    case "denied":
      return `the credentials need the permission ${permission}`;
    case "unidentified":
      return identityHint(refusal);
    case "elsewhere":
      return regionHint(refusal);
    case "archived":
      return "the object has been archived: bring it back first, with the tools of the store";
    default:
      return undefined;
  }
}

function identityHint({ code, status }: Refusal): string {
  if (isBlankRefusal({ status, code })) {
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

function regionHint({ region }: Refusal): string {
  return region === undefined ? "the bucket is in another region: name it with --region" : `add --region ${region}`;
}

/** Whatever a call to the store or to the SDK has thrown, as ours. */
export function s3Error(error: unknown, doing: Doing, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const refusal = refusalOf(error);
  return refusal === undefined ? transportError(error, doing.what) : refusalError(refusal, doing);
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
export function refusalOf(error: unknown): Refusal | undefined {
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
  const told = xmlText(body, "Region");
  return {
    status,
    code: xmlText(body, "Code"),
    message: xmlText(body, "Message"),
    region: region ?? (told === "" ? undefined : told),
  };
}
