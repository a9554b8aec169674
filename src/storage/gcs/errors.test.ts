import { describe, expect, test } from "vitest";
import { callError } from "../../http/http.ts";
import { gcsServiceError, noCredentials, parseGcsError, tokenError } from "./errors.ts";

const operation = { what: "read 'k'", permission: "storage.objects.get" };

describe("refusals", () => {
  test.each([
    [
      '{"error":{"code":403,"message":"No access.","errors":[{"reason":"forbidden","domain":"global"}]}}',
      { code: "forbidden", message: "No access.", isForeign: false },
    ],
    ['{"error":{"code":412,"message":"conditionNotMet"}}', { code: "", message: "conditionNotMet", isForeign: false }],
    [
      "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>Gone.</Message></Error>",
      { code: "NoSuchKey", message: "Gone.", isForeign: false },
    ],
    ["<html>bad gateway</html>", { code: "", message: "", isForeign: true }],
    ["[1]", { code: "", message: "", isForeign: true }],
    ["null", { code: "", message: "", isForeign: true }],
    ["", { code: "", message: "", isForeign: false }],
  ])("are read from %s", (body, expected) => {
    expect(parseGcsError(403, body)).toEqual({ status: 403, ...expected });
  });

  test.each([
    [412, "conditionNotMet", "already-exists", false],
    [403, "rateLimitExceeded", "throttled", true],
    [403, "insufficientPermissions", "unauthorized", false],
    [403, "objectUnderActiveHold", "storage", false],
    [413, "uploadTooLarge", "unsupported", false],
    [400, "invalid", "storage", false],
    [404, "constructor", "not-found", false],
    [409, "conflict", "storage", true],
    [504, "", "storage", true],
  ])("%i %s is %s, worth trying again: %s", (status, code, expected, retryable) => {
    expect(gcsServiceError({ status, code, message: "m" }, operation)).toMatchObject({ code: expected, retryable });
  });

  test("say what permission is missing, or what keeps an object", () => {
    const hint = (status: number, code: string) => gcsServiceError({ status, code, message: "" }, operation).hint;
    expect(hint(403, "forbidden")).toContain("storage.objects.get");
    expect(hint(401, "required")).toContain("GOOGLE_APPLICATION_CREDENTIALS");
    expect(hint(403, "retentionPolicyNotMet")).toContain("retention policy");
    expect(hint(404, "notFound")).toBeUndefined();
  });
});

describe("failures", () => {
  const withCode = (code: string, more: object = {}) => Object.assign(new Error("it broke"), { code, ...more });

  test.each([
    [withCode("ECONNRESET"), "unreachable", true],
    [withCode("CERT_HAS_EXPIRED"), "unreachable", false],
    [withCode("EPROTO"), "protocol", false],
    [new Error("odd"), "storage", false],
  ])("of a connection: %s is %s, worth trying again: %s", (error, code, retryable) => {
    expect(callError(error, operation.what)).toMatchObject({ code, retryable, cause: error });
  });

  test.each([
    [withCode("ECONNREFUSED", { config: {} }), "unreachable", true],
    [withCode("TimeoutError", { config: {} }), "timeout", true],
    [withCode("invalid_grant", { config: {}, status: 400 }), "unauthorized", false],
    [withCode("503", { config: {}, status: 503 }), "unreachable", true],
    [withCode("ENOENT"), "unauthorized", false],
  ])("of a token: %s is %s, worth trying again: %s", (error, code, retryable) => {
    expect(tokenError(error, operation)).toMatchObject({ code, retryable, cause: error });
  });

  test("of the search for credentials name the variable", () => {
    const hint = expect.stringContaining("GOOGLE_APPLICATION_CREDENTIALS");
    expect(noCredentials(new Error("no file\nat all"))).toMatchObject({ code: "unauthorized", hint });
    expect(noCredentials(new Error("no file\nat all")).message).not.toContain("at all");
  });
});
