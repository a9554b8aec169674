/** Errors of the KMS, of its SDK and of the network, as ours. Decided by codes and statuses, never by their texts. */

import { sdkServiceError, transportError } from "../../aws/aws.ts";
import { AppError, abortError, isAppError } from "../../errors.ts";
import { lowered, type ServiceError } from "../../http/http.ts";

/** What was being done, for messages and hints. */
export interface KmsOperation {
  /** Continues the sentence "cannot …", and names the key where it is known. */
  readonly what: string;
  /** "kms:Decrypt". */
  readonly permission: string;
  /** The object knows its key, we may not. */
  readonly keyId?: string | undefined;
}

type Kind =
  | "denied"
  | "stranger"
  | "late"
  | "missing"
  | "off"
  | "other-key"
  | "foreign"
  | "unfit"
  | "transient"
  | "throttled";

const kinds: Readonly<Record<string, Kind>> = {
  AccessDeniedException: "denied",
  UnrecognizedClientException: "stranger",
  InvalidClientTokenId: "stranger",
  InvalidSignatureException: "stranger",
  IncompleteSignature: "stranger",
  MissingAuthenticationTokenException: "stranger",
  ExpiredTokenException: "late",
  NotFoundException: "missing",
  DisabledException: "off",
  KMSInvalidStateException: "off",
  IncorrectKeyException: "other-key",
  InvalidCiphertextException: "foreign",
  InvalidArnException: "unfit",
  InvalidKeyUsageException: "unfit",
  UnsupportedOperationException: "unfit",
  ValidationException: "unfit",
  DependencyTimeoutException: "transient",
  KeyUnavailableException: "transient",
  KMSInternalException: "transient",
  LimitExceededException: "throttled",
  ThrottlingException: "throttled",
  TooManyRequestsException: "throttled",
};

function kindOf({ status, code }: ServiceError): Kind | undefined {
  const known = Object.hasOwn(kinds, code) ? kinds[code] : undefined;
  if (known !== undefined) return known;
  if (status === 401 || status === 403) return "stranger";
  if (status === 429 || status === 503) return "throttled";
  return status >= 500 ? "transient" : undefined;
}

/** Whatever a call to the KMS has thrown, as ours. */
export function kmsError(error: unknown, operation: KmsOperation, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  const answer = sdkServiceError(error);
  return answer === undefined ? transportError(error, operation.what) : kmsServiceError(answer, operation, error);
}

function kmsServiceError(answer: ServiceError, { what, permission, keyId }: KmsOperation, cause: unknown): AppError {
  const said = answer.code === "" ? `status ${answer.status}` : answer.code;
  const detail = answer.message === "" || answer.message === answer.code ? "" : `: ${lowered(answer.message)}`;
  const message = `cannot ${what}: the KMS answered ${said}${detail}`;
  const key = keyId === undefined ? "the key that the object's tag kmsKey names" : `the key '${keyId}'`;
  const unauthorized = (hint: string) => new AppError("unauthorized", message, { cause, hint });
  switch (kindOf(answer)) {
    case "denied":
      return unauthorized(`the credentials need the permission ${permission} for ${key}`);
    case "stranger":
      return unauthorized(
        "check the access key and its secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile)",
      );
    case "late":
      return unauthorized("the session is over: get new temporary credentials");
    case "missing":
      return unauthorized(`${key} does not exist in this region and account: see --kms-key-id and --region`);
    case "off":
      return unauthorized(`enable ${key} again, or cancel its deletion`);
    case "other-key":
      return unauthorized("it was wrapped with another key: name that one");
    case "foreign":
      return new AppError("corrupt", message, {
        cause,
        hint: "it was changed, or it is of another KMS: see --region and AWS_ENDPOINT_URL_KMS",
      });
    case "unfit":
      return new AppError("usage", message, { cause, hint: `${key} must be a symmetric one for encryption` });
    case "transient":
      return new AppError("unreachable", message, { cause });
    case "throttled":
      return new AppError("throttled", message, { cause });
    case undefined:
      return new AppError("protocol", message, { cause });
  }
}
