/** Errors of Azure's Blob Storage, of its identity library and of the network, as ours. Decided by codes and statuses, never by their texts. */
import { AppError, abortError, isAppError } from "../../errors.ts";
import {
  callError,
  kindOfAnswer,
  type Operation,
  type ResponseHeaders,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
  tryParseXml,
} from "../../http/http.ts";

/** The roles that requests need, as their permission. */
export const reading = "Storage Blob Data Reader";
export const writing = "Storage Blob Data Contributor";

const kinds: Readonly<Record<string, ServiceErrorKind>> = {
  BlobNotFound: "not-found",
  ContainerNotFound: "not-found",
  ResourceNotFound: "not-found",
  BlobAlreadyExists: "precondition-failed",
  ConditionNotMet: "precondition-failed",
  ContainerAlreadyExists: "precondition-failed",
  TargetConditionNotMet: "precondition-failed",
  AccountIsDisabled: "unauthenticated",
  AuthenticationFailed: "unauthenticated",
  AuthorizationFailure: "unauthenticated",
  AuthorizationSourceIPMismatch: "unauthenticated",
  KeyBasedAuthenticationNotPermitted: "unauthenticated",
  InvalidAuthenticationInfo: "unauthenticated",
  NoAuthenticationInformation: "unauthenticated",
  Crc64Mismatch: "checksum-mismatch",
  Md5Mismatch: "checksum-mismatch",
  AccountBeingCreated: "transient",
  ContainerBeingDeleted: "transient",
  InternalError: "transient",
  // Another put of the same key has just come to its end, and what was sent for this one is gone.
  InvalidBlockList: "transient",
  OperationTimedOut: "transient",
  ServerBusy: "throttled",
  FeatureVersionMismatch: "unsupported",
  UnsupportedHttpVerb: "unsupported",
  BlobArchived: "archived",
  BlobBeingRehydrated: "archived",
  BlobImmutableDueToPolicy: "final",
  BlobNotArchived: "final",
  InvalidBlobType: "final",
  LeaseIdMissing: "final",
  LeaseIdMismatchWithBlobOperation: "final",
  SnapshotsPresent: "final",
};

export function azureServiceError(answer: ServiceError, operation: Operation): AppError {
  const known = Object.hasOwn(kinds, answer.code) ? kinds[answer.code] : undefined;
  const kind = known ?? kindOfAnswer(answer);
  // The lines after the first identify the request; the cause keeps them.
  const [message = ""] = answer.message.split("\n");
  return serviceError({ ...answer, message }, kind, operation, hintOf(kind, answer, operation.permission));
}

function hintOf(kind: ServiceErrorKind, { code }: ServiceError, role: string): string | undefined {
  if (code === "LeaseIdMissing" || code === "LeaseIdMismatchWithBlobOperation")
    return "another program holds a lease: end it";
  if (code === "BlobImmutableDueToPolicy")
    return "a policy of the container keeps the object as it is until it expires";
  if (code === "InvalidBlobOrBlock") {
    return "another program has left blocks of this name: they are gone after a week, or when the name is put and deleted";
  }
  if (kind === "archived") return "the blob has been archived: bring it back to another tier first";
  if (kind !== "denied" && kind !== "unauthenticated") return undefined;
  switch (code) {
    case "AuthenticationFailed":
    case "InvalidAuthenticationInfo":
      return "check the key or the shared access signature, and this machine's clock";
    case "AuthorizationFailure":
      return "check the key, and whether the account's network rules let this machine in";
    case "AuthorizationSourceIPMismatch":
      return "the shared access signature is for other addresses than this machine's";
    case "KeyBasedAuthenticationNotPermitted":
      return "the account takes no keys: unset AZURE_STORAGE_KEY, so that the machine's identity is used";
    case "AccountIsDisabled":
      return "the account is disabled: see the portal";
    default:
      return `the identity needs the role ${role}, a shared access signature the permissions for it`;
  }
}

/** Every answer of the store has a name, which servers in between do not give theirs. */
export function isOfStore(headers: ResponseHeaders): boolean {
  return headers["x-ms-request-id"] !== undefined;
}

/**
 * The error in an answer; its code is in a header as well, for answers without a body:
 *
 *   <Error><Code>ServerBusy</Code><Message>The server is busy.\nRequestId:…\nTime:…</Message></Error>
 */
export function parseAzureError(status: number, headers: ResponseHeaders, body: string): ServiceError {
  // Proxies on the way answer in HTML or in plain text: the status says all that is known then.
  const error = tryParseXml(body);
  const code = headers["x-ms-error-code"] ?? error?.textOf("Code") ?? "";
  return { status, code, message: error?.textOf("Message") ?? "", isForeign: code === "" && !isOfStore(headers) };
}

/** The names of the identity library's errors that mean there is no usable identity. */
const identityErrors =
  /^(CredentialUnavailableError|AuthenticationError|AuthenticationRequiredError|AggregateAuthenticationError)$/;

/** Converts an error of the identity library. */
export function tokenError(error: unknown, operation: Operation, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  if (error instanceof Error && identityErrors.test(error.name)) {
    return new AppError("unauthorized", `cannot ${operation.what}: there is no identity to use`, {
      hint: "set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or give the machine or workload an identity (AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE)",
      cause: error,
    });
  }
  if (error instanceof Error && "statusCode" in error && typeof error.statusCode === "number") {
    const isBusy = error.statusCode === 429 || error.statusCode >= 500;
    const message = `cannot ${operation.what}: no token was got: ${error.message}`;
    return new AppError(isBusy ? "unreachable" : "unauthorized", message, { cause: error });
  }
  return callError(error, operation.what, signal);
}
