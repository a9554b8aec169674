/** Errors of S3 servers, as ours. */
import { credentialsHint, type ErrorTable, kindOfCode } from "../../aws/aws.ts";
import type { AppError } from "../../errors.ts";
import {
  kindOfAnswer,
  type Operation,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
  tryParseXml,
  type XmlElement,
} from "../../http/http.ts";

/** Beside those that all services have: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const kinds: ErrorTable = {
  NoSuchKey: "not-found",
  NoSuchBucket: "not-found",
  NoSuchUpload: "not-found",
  NotFound: "not-found",
  PreconditionFailed: "precondition-failed",
  AccountProblem: "denied",
  AllAccessDisabled: "denied",
  Forbidden: "denied",
  AuthorizationHeaderMalformed: "wrong-region",
  IllegalLocationConstraintException: "wrong-region",
  PermanentRedirect: "wrong-region",
  BadDigest: "checksum-mismatch",
  IncompleteBody: "checksum-mismatch",
  InvalidChunkSizeError: "checksum-mismatch",
  InvalidDigest: "checksum-mismatch",
  XAmzContentChecksumMismatch: "checksum-mismatch",
  XAmzContentSHA256Mismatch: "checksum-mismatch",
  ConditionalRequestConflict: "transient",
  OperationAborted: "transient",
  SlowDown: "throttled",
  SlowDownRead: "throttled",
  SlowDownWrite: "throttled",
  MethodNotAllowed: "unsupported",
  NotImplemented: "unsupported",
  InvalidObjectState: "archived",
};

/** Servers say by an answer without a body that a token has expired, or that the region is wrong. */
function hasNoBody({ status, code }: ServiceError): boolean {
  return status === 400 && code === "";
}

export function s3ServiceError(answer: ServiceError, operation: Operation): AppError {
  const known = kindOfCode(answer.code, kinds);
  const kind = known ?? (hasNoBody(answer) ? "unauthenticated" : kindOfAnswer(answer));
  return serviceError(answer, kind, operation, hintFor(answer, kind, operation));
}

function hintFor(answer: ServiceError, kind: ServiceErrorKind, { permission }: Operation): string | undefined {
  switch (kind) {
    case "denied":
      return `the credentials need the permission ${permission}`;
    case "unauthenticated":
      return hasNoBody(answer)
        ? "the credentials may have expired, or the region may be wrong: check both (--region, AWS_REGION)"
        : credentialsHint(answer);
    case "wrong-region":
      return answer.region === undefined
        ? "the bucket is in another region: name it with --region"
        : `add --region ${answer.region}`;
    case "archived":
      return "the object has been archived: bring it back first, with the tools of the store";
    default:
      return undefined;
  }
}

/** `<Error><Code>…</Code><Message>…</Message><Region>…</Region></Error>`; nothing of it where the body is another's. */
export function parseS3Error(status: number, body: string, region?: string): ServiceError {
  const root = tryParseXml(body);
  const error = root?.name === "Error" ? root : undefined;
  return { ...s3ErrorIn(error, status, region), isForeign: error === undefined && body.trim() !== "" };
}

export function s3ErrorIn(element: XmlElement | undefined, status: number, region?: string): ServiceError {
  return {
    status,
    code: element?.textOf("Code") ?? "",
    message: element?.textOf("Message") ?? "",
    region: region ?? element?.textOf("Region"),
  };
}
