import { expect, test } from "vitest";
import { requestHead } from "./request-head.ts";

const url = new URL("http://store.example:81/");

test("is what HTTP/1.1 has on the wire, with what the proxy wants to see last", () => {
  const head = requestHead(
    { method: "GET", url, headers: { "x-a": "b\tc \xe9" } },
    { text: "http://store.example:81/k?a=%20", headers: { "proxy-authorization": "Basic eA==" } },
  );
  expect(head).toBe(
    "GET http://store.example:81/k?a=%20 HTTP/1.1\r\n" +
      "host: store.example:81\r\nx-a: b\tc \xe9\r\nproxy-authorization: Basic eA==\r\n\r\n",
  );
});

test.each([
  ["a header", "/k", { a: "b\r\nc: d" }],
  ["a header, by a line feed alone", "/k", { a: "b\nc: d" }],
  ["a header's name", "/k", { "a: b\r\nc": "d" }],
  ["an empty name", "/k", { "": "d" }],
  ["a path", "/k HTTP/1.1\r\na: b\r\n\r\n", {}],
  ["a path with a blank", "/k k", {}],
  ["a path with a letter that has not been encoded", "/\xe9", {}],
  ["no path", "", {}],
  ["what latin1 has not", "/k", { a: "\u0142" }],
  ["what would end in a line's end when it is cut to a byte", "/k", { a: "\u010a" }],
])("more than it may have in %s is refused", (_, text, headers) => {
  const write = () => requestHead({ method: "GET", url, headers }, { text, headers: {} });
  expect(write).toThrow(expect.objectContaining({ code: "internal" }));
});
