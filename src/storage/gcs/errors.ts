/** Errors of Google Cloud Storage, of its auth library and of the network, as ours. */
import { AppError, abortError, isAppError } from "../../errors.ts";
import {
  kindOfStatus,
  lowerFirst,
  networkError,
  type Operation,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
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
  const kind = known ?? kindOfStatus(answer.status);
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

/**
 * The parts of an error response:
 *
 *   JSON interface  {"error": {"code": 403, "message": "…", "errors": [{"reason": "forbidden", …}]}}
 *   XML interface   <Error><Code>AccessDenied</Code><Message>…</Message></Error>
 */
export function parseGcsError(status: number, body: string): ServiceError {
  const xml = tryParseXml(body);
  const error = fieldsOf(fieldsOf(parsed(body))["error"]);
  const [first] = Array.isArray(error["errors"]) ? error["errors"] : [];
  const [code, message] = [textOf(fieldsOf(first), "reason"), textOf(error, "message")];
  return {
    status,
    code: code === "" ? (xml?.textOf("Code") ?? "") : code,
    message: message === "" ? (xml?.textOf("Message") ?? "") : message,
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // No JSON: proxies on the way answer in their own words, and the status is left.
    return undefined;
  }
}

/** The fields of what should be an object of JSON; none where it is not. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

export function textOf(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

/** Converts any error of a call to the store. */
export function gcsError(error: unknown, { what }: Operation, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const message = `cannot ${what}: ${error instanceof Error ? error.message : String(error)}`;
  return networkError(error, what) ?? new AppError("storage", message, { cause: error, retryable: false });
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
