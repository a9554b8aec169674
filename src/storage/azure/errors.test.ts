import { describe, expect, test } from "vitest";
import { AppError } from "../../errors.ts";
import { azureError, azureServiceError, writing } from "./errors.ts";

const operation = { what: "write 'k'", permission: writing };
const failure = (properties: object, name = "RestError") =>
  Object.assign(new Error("it says so"), { name }, properties);

describe("what the SDK throws", () => {
  test.each([
    ["an answer with a code", failure({ statusCode: 503, code: "ServerBusy" }), "throttled", true],
    ["an answer of HEAD", failure({ statusCode: 404, details: { errorCode: "BlobNotFound" } }), "not-found", false],
    ["an answer without a code", failure({ statusCode: 502, details: {} }), "storage", true],
    ["an answer that is no XML", failure({ statusCode: 503, code: "PARSE_ERROR" }), "throttled", true],
    ["a reset", failure({ code: "ECONNRESET" }), "unreachable", true],
    ["an unknown authority", failure({ code: "SELF_SIGNED_CERT_IN_CHAIN" }), "unreachable", false],
    ["HTTP in place of HTTPS", failure({ code: "EPROTO" }), "protocol", false],
    ["no identity", failure({}, "CredentialUnavailableError"), "unauthorized", false],
    ["a refused identity", failure({ statusCode: 400 }, "AuthenticationError"), "unauthorized", false],
    ["anything else", new TypeError("x"), "storage", false],
  ])("%s is ours", (_, error, code, retryable) => {
    expect(azureError(error, operation)).toMatchObject({
      code,
      retryable,
      message: expect.stringMatching(/^cannot write 'k'/),
    });
  });

  test("an abort is its reason, and an error of ours stays", () => {
    const reason = new AppError("timeout", "too late");
    const aborted = AbortSignal.abort(reason);
    expect(azureError(failure({}, "AbortError"), operation, aborted)).toBe(reason);
    expect(azureError(reason, operation)).toBe(reason);
  });
});

test.each([
  ["AuthorizationPermissionMismatch", "Storage Blob Data Contributor"],
  ["AuthenticationFailed", "clock"],
  ["AuthorizationFailure", "network rules"],
  ["KeyBasedAuthenticationNotPermitted", "unset AZURE_STORAGE_KEY"],
])("a refusal of %s says what helps", (code, words) => {
  const error = azureServiceError({ status: 403, code, message: "Not now.\nRequestId:1" }, operation);
  expect(error).toMatchObject({ code: "unauthorized", hint: expect.stringContaining(words) });
  expect(error.message).toBe(`cannot write 'k': the store answered ${code}: not now`);
});
