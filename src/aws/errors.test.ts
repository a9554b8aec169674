import { expect, test } from "vitest";
import { AppError } from "../errors.ts";
import { awsError, credentialsHint, type ErrorTable, kindOfCode } from "./errors.ts";

const withName = (name: string, more: object = {}) => Object.assign(new Error("it broke"), { name, ...more });

test.each([
  [withName("CredentialsProviderError"), "unauthorized", false],
  [withName("TokenProviderError"), "unauthorized", false],
  [withName("TimeoutError"), "timeout", true],
  [withName("TimeoutError", { code: "ETIMEDOUT" }), "unreachable", true],
  [withName("Error", { code: "CERT_HAS_EXPIRED" }), "unreachable", false],
  [withName("Error"), "storage", false],
])("%s is %s, worth trying again: %s", (error, code, retryable) => {
  expect(awsError(error, "read 'k'")).toMatchObject({ code, retryable, cause: error });
});

test("an error of ours is left as it is, and an abort is the abort", () => {
  const ours = new AppError("corrupt", "no");
  expect(awsError(ours, "read 'k'", AbortSignal.abort())).toBe(ours);
  expect(awsError(new Error("left"), "read 'k'", AbortSignal.abort())).toMatchObject({ code: "cancelled" });
});

test("a code has the kind of the service's own table, else the common one", () => {
  const own: ErrorTable = { SlowDown: "throttled", AccessDenied: "final" };
  const codes = ["SlowDown", "AccessDenied", "ExpiredToken", "Unknown", "constructor"];
  expect(codes.map((code) => kindOfCode(code, own))).toEqual([
    "throttled",
    "final",
    "unauthenticated",
    undefined,
    undefined,
  ]);
});

test.each([
  ["RequestTimeTooSkewed", /clock/],
  ["ExpiredToken", /new temporary credentials/],
  ["SignatureDoesNotMatch", /AWS_SECRET_ACCESS_KEY/],
])("%s says what helps", (code, words) => {
  expect(credentialsHint({ code })).toMatch(words);
});
