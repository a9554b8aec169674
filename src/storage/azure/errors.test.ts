import { describe, expect, test } from "vitest";
import { AppError } from "../../errors.ts";
import { callError } from "../../http/http.ts";
import { azureServiceError, parseAzureError, tokenError, writing } from "./errors.ts";

const operation = { what: "write 'k'", permission: writing };
const failure = (properties: object, name = "Error") => Object.assign(new Error("it says so"), { name }, properties);

describe("what fails without an answer", () => {
  test.each([
    ["a reset", failure({ code: "ECONNRESET" }), "unreachable", true],
    ["an unknown authority", failure({ code: "SELF_SIGNED_CERT_IN_CHAIN" }), "unreachable", false],
    ["HTTP in place of HTTPS", failure({ code: "EPROTO" }), "protocol", false],
    ["anything else", new TypeError("x"), "storage", false],
  ])("%s is ours, of a request as well as of a token", (_, error, code, retryable) => {
    const ours = { code, retryable, message: expect.stringMatching(/^cannot write 'k'/), cause: error };
    expect(callError(error, operation.what)).toMatchObject(ours);
    expect(tokenError(error, operation)).toMatchObject(ours);
  });

  test.each([
    ["no identity", failure({}, "CredentialUnavailableError"), "unauthorized", false],
    ["a refused identity", failure({ statusCode: 400 }, "AuthenticationError"), "unauthorized", false],
    ["a service of tokens that refuses", failure({ statusCode: 400 }, "RestError"), "unauthorized", false],
    ["a service of tokens that is busy", failure({ statusCode: 429 }, "RestError"), "unreachable", true],
    ["a service of tokens that fails", failure({ statusCode: 503 }, "RestError"), "unreachable", true],
  ])("%s is ours", (_, error, code, retryable) => {
    const message = expect.stringMatching(/^cannot write 'k'/);
    expect(tokenError(error, operation)).toMatchObject({ code, retryable, message, cause: error });
  });

  test("an abort is its reason, and an error of ours stays", () => {
    const reason = new AppError("timeout", "too late");
    const aborted = AbortSignal.abort(reason);
    expect(tokenError(failure({}, "AbortError"), operation, aborted)).toBe(reason);
    expect(tokenError(reason, operation)).toBe(reason);
    expect(callError(failure({}, "AbortError"), operation.what, aborted)).toBe(reason);
    expect(callError(reason, operation.what)).toBe(reason);
  });
});

describe("an answer", () => {
  const xml = "\ufeff<?xml version='1.0'?><Error><Code>ServerBusy</Code><Message>Later &amp; so on.</Message></Error>";
  test.each([
    ["has its code in the body", {}, xml, "ServerBusy", "Later & so on."],
    ["has its code in a header, where it has no body", { "x-ms-error-code": "BlobNotFound" }, "", "BlobNotFound", ""],
    ["that is cut has the header's", { "x-ms-error-code": "ServerBusy" }, xml.slice(0, -20), "ServerBusy", ""],
    ["that is not the store's has none", {}, "<html><br>", "", ""],
    ["of the store may have none", { "x-ms-request-id": "1" }, "", "", ""],
  ])("%s", (_, headers, body, code, message) => {
    const isForeign = body === "<html><br>";
    expect(parseAzureError(503, headers, body)).toEqual({ status: 503, code, message, isForeign });
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
