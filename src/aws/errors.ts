/** Errors of AWS's services, of its libraries and of the network, as ours. Decided by codes and statuses, never by texts. */
import { AppError, abortError, isAppError } from "../errors.ts";
import { networkError, type ServiceError, type ServiceErrorKind } from "../http/http.ts";

/** The kinds of the error codes of one service. */
export type ErrorTable<Kind extends string = ServiceErrorKind> = Readonly<Record<string, Kind>>;

/** Any service answers with these: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and S3's. */
const common: ErrorTable<"denied" | "unauthenticated" | "transient" | "throttled"> = {
  AccessDenied: "denied",
  AccessDeniedException: "denied",
  ExpiredToken: "unauthenticated",
  ExpiredTokenException: "unauthenticated",
  IncompleteSignature: "unauthenticated",
  InvalidAccessKeyId: "unauthenticated",
  InvalidClientTokenId: "unauthenticated",
  InvalidSignatureException: "unauthenticated",
  InvalidToken: "unauthenticated",
  MissingAuthenticationTokenException: "unauthenticated",
  RequestTimeTooSkewed: "unauthenticated",
  SignatureDoesNotMatch: "unauthenticated",
  TokenRefreshRequired: "unauthenticated",
  UnrecognizedClientException: "unauthenticated",
  InternalError: "transient",
  RequestTimeout: "transient",
  LimitExceededException: "throttled",
  RequestLimitExceeded: "throttled",
  ServiceUnavailable: "throttled",
  Throttling: "throttled",
  ThrottlingException: "throttled",
  TooManyRequests: "throttled",
  TooManyRequestsException: "throttled",
};

/** The kind of a code, by the service's own table or the common one; undefined for a code in neither. */
export function kindOfCode<Kind extends string>(code: string, own: ErrorTable<Kind>) {
  if (Object.hasOwn(own, code)) return own[code];
  return Object.hasOwn(common, code) ? common[code] : undefined;
}

/** Helps where the service rejects the credentials themselves. */
export function credentialsHint({ code }: Pick<ServiceError, "code">): string {
  switch (code) {
    case "ExpiredToken":
    case "ExpiredTokenException":
    case "TokenRefreshRequired":
      return "the session is over: get new temporary credentials";
    case "RequestTimeTooSkewed":
      return "set this machine's clock";
    default:
      return "check the access key and its secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile)";
  }
}

/** The failure of a request before its answer, as ours: of the network, of the credentials, or an abort. */
export function awsError(error: unknown, what: string, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
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
  // The library calls some broken connections so, too; their system codes were told apart above.
  if (name === "TimeoutError") return new AppError("timeout", message, { cause: error });
  return new AppError("storage", message, { cause: error, retryable: false });
}
