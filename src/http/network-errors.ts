/** Failures of connections to stores, as ours. Node has the same codes for all protocols. */
import { AppError, abortError, isAppError, systemErrorCode } from "../errors.ts";

const untrusted = new Set([
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Undefined where the error is none of a connection; `what` continues the sentence "cannot …". */
export function networkError(error: unknown, what: string): AppError | undefined {
  const code = systemErrorCode(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  const message = `cannot ${what}: ${error.message}`;
  if (untrusted.has(code)) {
    const hint = "name the authority that signed the store's certificate with --ca-file";
    return new AppError("unreachable", message, { cause: error, retryable: false, hint });
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("HPE_")) {
    const hint = "the other side may speak HTTP where HTTPS is expected: see --insecure-http and --endpoint";
    return new AppError("protocol", message, { cause: error, hint });
  }
  if (code === "ERR_PROXY_TUNNEL") return new AppError("unreachable", message, { cause: error, retryable: false });
  if (/^(E(?!RR_)[A-Z_]+|ERR_(SOCKET|STREAM|TLS)_.*)$/.test(code))
    return new AppError("unreachable", message, { cause: error });
  return undefined;
}

/** Converts any error of a call: an abort, a failure of the network, or anything else. */
export function callError(error: unknown, what: string, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const message = `cannot ${what}: ${error instanceof Error ? error.message : String(error)}`;
  return networkError(error, what) ?? new AppError("storage", message, { cause: error, retryable: false });
}
