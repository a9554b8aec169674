import { BlobBatch, StorageSharedKeyCredential } from "@azure/storage-blob";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { makeAgents, usualTimeouts } from "../../http/http.ts";
import { batchBody, parseBatch } from "./batch.ts";
import { authorizeBy } from "./credentials.ts";
import { writing } from "./errors.ts";
import { AzureWire } from "./wire.ts";

const key = Buffer.from("the key of an account").toString("base64");
const container = "https://account.blob.core.windows.net/container";

/** The requests in a batch, without what neither the store nor the signature looks at. */
function requestsIn(body: string): string[] {
  const boundary = body.split("\r\n", 1).join("");
  expect(body.endsWith(`${boundary}--\r\n`)).toBe(true);
  return body
    .slice(0, -`${boundary}--\r\n`.length)
    .split(`${boundary}\r\n`)
    .map((part) => part.replace(/^Accept: .*\r\n/m, "").replace(/^Authorization:/m, "authorization:"));
}

test("a batch of deletions is the SDK's, for any key", async () => {
  const keys = ["a", "a b/ü+&=?#%", "ends with blanks  ", "日/🜁"];
  const sdk = new BlobBatch();
  const credential = new StorageSharedKeyCredential("account", key);
  for (const name of keys) {
    const url = `${container}/${name.split("/").map(encodeURIComponent).join("/")}`;
    await sdk.deleteBlob(url, credential, { deleteSnapshots: "include" });
  }
  const theirs = requestsIn(sdk.getHttpRequestBody());

  using agents = Object.assign(await makeAgents({}), { [Symbol.dispose]: () => undefined });
  const authorize = authorizeBy({ kind: "key", account: "account", key }, {}, new ManualClock());
  const ours = await Promise.all(
    keys.map((name, index) => {
      // Each has a date of its own.
      const clock = new ManualClock(Date.parse(/^x-ms-date: (.*)\r$/m.exec(theirs[index + 1] ?? "")?.[1] ?? ""));
      const wire = new AzureWire({ url: new URL(container), authorize, agents, clock, timeouts: usualTimeouts });
      const operation = { what: "delete it", permission: writing };
      return wire.embed({ method: "DELETE", key: name, headers: { "x-ms-delete-snapshots": "include" }, operation });
    }),
  );
  expect(requestsIn(batchBody("b", "DELETE", ours))).toEqual(theirs);
});

describe("the response to a batch", () => {
  const type = "multipart/mixed; boundary=b_1";
  const part = (head: string, response: string) => `--b_1\r\nContent-Type: application/http\r\n${head}\r\n${response}`;
  const deleted = "HTTP/1.1 202 Accepted\r\nx-ms-version: 1\r\n\r\n";
  const missing =
    "HTTP/1.1 404 The blob does not exist.\r\nX-Ms-Error-Code: BlobNotFound\r\n\r\n<Error>\r\n\r\n</Error>\r\n";
  const ok = { status: 202, code: "" };
  const notFound = { status: 404, code: "BlobNotFound" };

  test.each([
    ["in order", type, part("Content-ID: 0\r\n", deleted) + part("Content-ID: 1\r\n", missing), [ok, notFound]],
    ["in any order", type, part("content-id: 1\r\n", missing) + part("Content-ID: 0\r\n", deleted), [ok, notFound]],
    [
      "as a whole",
      type,
      part("", "HTTP/1.1 403 No\r\nx-ms-error-code: A\r\n\r\n"),
      Array(2).fill({ status: 403, code: "A" }),
    ],
    [
      "with a quoted boundary",
      'Multipart/Mixed; charset=utf-8; boundary="b_1"',
      part("Content-ID: 0\r\n", deleted) + part("Content-ID: 1\r\n", deleted),
      [ok, ok],
    ],
  ])("is read %s", (_, contentType, parts, responses) => {
    expect(parseBatch(contentType, `${parts}--b_1--\r\n`, 2)).toEqual(responses);
    expect(parseBatch(contentType, `ignored\r\n${parts}--b_1--ignored`, 2)).toEqual(responses);
  });

  const both = `${part("Content-ID: 0\r\n", deleted)}${part("Content-ID: 1\r\n", missing)}--b_1--`;
  test.each([
    ["of no type", undefined, both],
    ["of another type", "text/html", both],
    ["without a boundary", "multipart/mixed", both],
    ["of another boundary", "multipart/mixed; boundary=c", both],
    ["that is cut", type, both.slice(0, -2)],
    ["that lacks a request", type, `${part("Content-ID: 1\r\n", missing)}--b_1--`],
    ["with another number", type, both.replace("Content-ID: 1", "Content-ID: 2")],
    ["without a number", type, both.replace("Content-ID: 1\r\n", "")],
    ["of something else", type, both.replace("HTTP/1.1 404", "404")],
    ["that is empty", type, ""],
  ])("%s is none", (_, contentType, body) => {
    expect(() => parseBatch(contentType, body, 2)).toThrow();
  });
});
