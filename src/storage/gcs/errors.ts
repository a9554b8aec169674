/** Errors of Google Cloud Storage, of its auth library and of the network, as ours. */
import { AppError, abortError, isAppError } from "../../errors.ts";
import {
  fieldsOf,
  kindOfAnswer,
  lowerFirst,
  networkError,
  type Operation,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
  textOf,
  tryParseJson,
  tryParseXml,
} from "../../http/http.ts";

/** By reason, where it says more than the status. */
const kinds: Readonly<Record<string, ServiceErrorKind>> = {
  rateLimitExceeded: "throttled",
  userRateLimitExceeded: "throttled",
  dailyLimitExceeded: "throttled",
  quotaExceeded: "throttled",
  slowDown: "throttled",
  objectUnderActiveHold: "final",
  retentionPolicyNotMet: "final",
  uploadTooLarge: "unsupported",
};

export function gcsServiceError(answer: ServiceError, operation: Operation): AppError {
  const known = Object.hasOwn(kinds, answer.code) ? kinds[answer.code] : undefined;
  const kind = known ?? kindOfAnswer(answer);
  return serviceError(answer, kind, operation, hintFor(answer, kind, operation));
}

const credentialsHint =
  "set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, or give the machine a service account";

function hintFor({ code }: ServiceError, kind: ServiceErrorKind, { permission }: Operation): string | undefined {
  if (kind === "unauthenticated") return credentialsHint;
  if (kind === "denied") return `the credentials need ${permission}, which Storage Object User has`;
  return /^(objectUnderActiveHold|retentionPolicyNotMet)$/.test(code)
    ? "a hold or the bucket's retention policy keeps the object: backups here cannot be removed or replaced before"
    : undefined;
}

/** Uploads answer in plain text, too. */
const ownText = /^\s*(Not Found)?\s*$/;

/**
 * The parts of an error response:
 *
 *   JSON interface  {"error": {"code": 403, "message": "…", "errors": [{"reason": "forbidden", …}]}}
 *   XML interface   <Error><Code>AccessDenied</Code><Message>…</Message></Error>
 */
export function parseGcsError(status: number, body: string): ServiceError {
  const root = tryParseXml(body);
  const xml = root?.name === "Error" ? root : undefined;
  const json = fieldsOf(tryParseJson(body))["error"];
  const error = fieldsOf(json);
  const [first] = Array.isArray(error["errors"]) ? error["errors"] : [];
  const [code, message] = [textOf(fieldsOf(first), "reason"), textOf(error, "message")];
  return {
    status,
    code: code === "" ? (xml?.textOf("Code") ?? "") : code,
    message: message === "" ? (xml?.textOf("Message") ?? "") : message,
    isForeign: json === undefined && xml === undefined && !ownText.test(body),
  };
}

/** The auth library has looked everywhere. */
export function noCredentials(error: unknown): AppError {
  return new AppError("unauthorized", `no credentials for Google Cloud were found: ${firstLine(error)}`, {
    cause: error,
    hint: credentialsHint,
  });
}

/** Converts an error of the auth library: a failed token request, or a missing file. */
export function tokenError(error: unknown, { what }: Operation, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const isOfRequest = typeof error === "object" && error !== null && "config" in error;
  const failed = isOfRequest ? networkError(error, `${what}: no token was got`) : undefined;
  if (failed !== undefined) return failed;
  const { status, code } = fieldsOf(error);
  const message = `cannot ${what}: no token was got: ${firstLine(error)}`;
  if (code === "TimeoutError") return new AppError("timeout", message, { cause: error });
  if (typeof status === "number" && (status === 429 || status >= 500)) {
    return new AppError("unreachable", message, { cause: error });
  }
  return new AppError("unauthorized", message, { cause: error, hint: credentialsHint });
}

function firstLine(error: unknown): string {
  return lowerFirst((error instanceof Error ? error.message : String(error)).split("\n", 1).join(""));
}
