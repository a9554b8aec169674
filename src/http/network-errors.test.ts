import { expect, test } from "vitest";
import { networkError } from "./network-errors.ts";

test.each([
  ["ECONNREFUSED", "unreachable", true],
  ["ENOTFOUND", "unreachable", true],
  ["ERR_SOCKET_CONNECTION_TIMEOUT", "unreachable", true],
  ["ERR_STREAM_PREMATURE_CLOSE", "unreachable", true],
  ["ERR_PROXY_TUNNEL", "unreachable", false],
  ["SELF_SIGNED_CERT_IN_CHAIN", "unreachable", false],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "protocol", false],
  ["HPE_INVALID_CONSTANT", "protocol", false],
])("%s is %s, worth trying again: %s", (code, expected, retryable) => {
  const error = Object.assign(new Error("it broke"), { code });
  const found = networkError(error, "read 'k'");
  expect(found).toMatchObject({ code: expected, retryable, cause: error, message: "cannot read 'k': it broke" });
});

test("an error that is none of a connection is left to others", () => {
  expect(networkError(new Error("no code"), "x")).toBeUndefined();
  expect(networkError(Object.assign(new Error(), { code: "ERR_INVALID_ARG_TYPE" }), "x")).toBeUndefined();
  expect(networkError({ code: "ECONNRESET" }, "x")).toBeUndefined();
});
