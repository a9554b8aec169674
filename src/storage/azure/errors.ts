/** Errors of Azure's Blob Storage and of its SDK, as ours. Decided by codes and statuses, never by their texts. */
import { AppError, abortError, isAppError } from "../../errors.ts";
import { type Doing, kindOfStatus, networkError, type Refusal, type RefusalKind, refused } from "../../http/http.ts";

/** The roles that requests need, as their permission. */
export const reading = "Storage Blob Data Reader";
export const writing = "Storage Blob Data Contributor";

const kinds: Readonly<Record<string, RefusalKind>> = {
  BlobNotFound: "absent",
  ContainerNotFound: "absent",
  ResourceNotFound: "absent",
  BlobAlreadyExists: "taken",
  ConditionNotMet: "taken",
  ContainerAlreadyExists: "taken",
  TargetConditionNotMet: "taken",
  AccountIsDisabled: "unidentified",
  AuthenticationFailed: "unidentified",
  AuthorizationFailure: "unidentified",
  AuthorizationSourceIPMismatch: "unidentified",
  KeyBasedAuthenticationNotPermitted: "unidentified",
  InvalidAuthenticationInfo: "unidentified",
  NoAuthenticationInformation: "unidentified",
  Crc64Mismatch: "spoiled",
  Md5Mismatch: "spoiled",
  AccountBeingCreated: "passing",
  ContainerBeingDeleted: "passing",
  InternalError: "passing",
  // Another put of the same key has just come to its end, and what was sent for this one is gone.
  InvalidBlockList: "passing",
  OperationTimedOut: "passing",
  ServerBusy: "throttled",
  FeatureVersionMismatch: "cannot",
  UnsupportedHttpVerb: "cannot",
  BlobArchived: "archived",
  BlobBeingRehydrated: "archived",
  BlobImmutableDueToPolicy: "final",
  BlobNotArchived: "final",
  InvalidBlobType: "final",
  LeaseIdMissing: "final",
  LeaseIdMismatchWithBlobOperation: "final",
  SnapshotsPresent: "final",
};

export function azureRefusal(refusal: Refusal, doing: Doing): AppError {
  const known = Object.hasOwn(kinds, refusal.code) ? kinds[refusal.code] : undefined;
  const kind = known ?? kindOfStatus(refusal.status);
  // What follows the first line identifies the request; the cause keeps it.
  const [message = ""] = refusal.message.split("\n");
  return refused({ ...refusal, message }, kind, doing, hintOf(kind, refusal, doing.permission));
}

function hintOf(kind: RefusalKind, { code }: Refusal, role: string): string | undefined {
  if (code === "LeaseIdMissing" || code === "LeaseIdMismatchWithBlobOperation")
    return "another program holds a lease: end it";
  if (code === "BlobImmutableDueToPolicy")
    return "a policy of the container keeps the object as it is until it expires";
  if (code === "InvalidBlobOrBlock") {
    return "another program has left blocks of this name: they are gone after a week, or when the name is put and deleted";
  }
  if (kind === "archived") return "the blob has been archived: bring it back to another tier first";
  if (kind !== "denied" && kind !== "unidentified") return undefined;
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

/** How the SDK for identities names its failures. */
const identityErrors =
  /^(CredentialUnavailableError|AuthenticationError|AuthenticationRequiredError|AggregateAuthenticationError)$/;

/** Whatever a call to the store or to an SDK has thrown, as ours. */
export function azureError(error: unknown, doing: Doing, signal?: AbortSignal): AppError {
  if (isAppError(error)) return error;
  if (signal?.aborted === true) return abortError(signal);
  if (error instanceof Error && identityErrors.test(error.name)) {
    return new AppError("unauthorized", `cannot ${doing.what}: there is no identity to use`, {
      hint: "set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or give the machine or workload an identity (AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE)",
      cause: error,
    });
  }
  const refusal = refusalOf(error);
  if (refusal !== undefined) return azureRefusal(refusal, doing);
  const failed = networkError(error, doing.what);
  if (failed !== undefined) return failed;
  const message = `cannot ${doing.what}: ${error instanceof Error ? error.message : String(error)}`;
  return new AppError("storage", message, { cause: error, retryable: false });
}

/** What the SDK says of a server's answer; undefined where there was none. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !("statusCode" in error) || typeof error.statusCode !== "number") return undefined;
  const details: unknown = "details" in error ? error.details : undefined;
  // An answer without a body has its code in a header alone, and one that is no XML has none.
  const told = [error, details].map((from) => codeIn(from)).find((code) => code !== "" && code !== "PARSE_ERROR");
  return { status: error.statusCode, code: told ?? "", message: told === undefined ? "" : error.message, cause: error };
}

function codeIn(from: unknown): string {
  if (typeof from !== "object" || from === null) return "";
  if ("code" in from && typeof from.code === "string") return from.code;
  return "errorCode" in from && typeof from.errorCode === "string" ? from.errorCode : "";
}
