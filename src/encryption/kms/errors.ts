/** Errors of the KMS, as ours. */
import { credentialsHint, type ErrorTable, kindOfCode } from "../../aws/aws.ts";
import type { AppError, ErrorCode } from "../../errors.ts";
import {
  answeredError,
  fieldsOf,
  type Operation,
  type ResponseHeaders,
  type ServiceError,
  textOf,
  tryParseJson,
} from "../../http/http.ts";

/** One call, which names the key where it is known: an object knows its key, we may not. */
export interface KmsOperation extends Operation {
  readonly keyId?: string | undefined;
}

type Kind =
  | "denied"
  | "unauthenticated"
  | "transient"
  | "throttled"
  | "no-such-key"
  | "key-disabled"
  | "incorrect-key"
  | "invalid-ciphertext"
  | "invalid-key";

/** Beside those that all services have: https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html */
const kinds: ErrorTable<Kind> = {
  NotFoundException: "no-such-key",
  DisabledException: "key-disabled",
  KMSInvalidStateException: "key-disabled",
  IncorrectKeyException: "incorrect-key",
  InvalidCiphertextException: "invalid-ciphertext",
  InvalidArnException: "invalid-key",
  InvalidKeyUsageException: "invalid-key",
  UnsupportedOperationException: "invalid-key",
  ValidationException: "invalid-key",
  DependencyTimeoutException: "transient",
  KeyUnavailableException: "transient",
  KMSInternalException: "transient",
};

function kindOf({ status, code }: ServiceError): Kind | undefined {
  const known = kindOfCode(code, kinds);
  if (known !== undefined) return known;
  if (status === 401 || status === 403) return "unauthenticated";
  if (status === 429 || status === 503) return "throttled";
  return status >= 500 ? "transient" : undefined;
}

export function kmsServiceError(answer: ServiceError, operation: KmsOperation): AppError {
  const { permission, keyId } = operation;
  const key = keyId === undefined ? "the key that the object's tag kmsKey names" : `the key '${keyId}'`;
  const as = (code: ErrorCode, hint?: string) => answeredError(answer, code, operation, { hint });
  switch (kindOf(answer)) {
    case "denied":
      return as("unauthorized", `the credentials need the permission ${permission} for ${key}`);
    case "unauthenticated":
      return as("unauthorized", credentialsHint(answer));
    case "no-such-key":
      return as("unauthorized", `${key} does not exist in this region and account: see --kms-key-id and --region`);
    case "key-disabled":
      return as("unauthorized", `enable ${key} again, or cancel its deletion`);
    case "incorrect-key":
      return as("unauthorized", "it was wrapped with another key: name that one");
    case "invalid-ciphertext":
      return as("corrupt", "it was changed, or it is of another KMS: see --region and AWS_ENDPOINT_URL_KMS");
    case "invalid-key":
      return as("usage", `${key} must be a symmetric one for encryption`);
    case "transient":
      return as("unreachable");
    case "throttled":
      return as("throttled");
    case undefined:
      return as("protocol");
  }
}

/**
 *   {"__type": "com.amazonaws.kms#NotFoundException", "message": "…"}
 *
 * The type may stand in the header x-amzn-errortype instead, and a link behind a colon.
 */
export function parseKmsError(
  status: number,
  { "x-amzn-errortype": type }: ResponseHeaders,
  body: string,
): ServiceError {
  const fields = fieldsOf(tryParseJson(body));
  const text = (name: string) => textOf(fields, name);
  const told = type ?? (text("__type") === "" ? text("code") : text("__type"));
  const code = /([^#]*)$/.exec(told.split(/[:,]/, 1).join(""))?.[1] ?? "";
  return { status, code, message: text("message") === "" ? text("Message") : text("message") };
}
