import { expect, test } from "vitest";
import { bodyOf, httpAsker, rawServer } from "../../test/harness/raw-server.ts";

test("a response to HEAD ends with its headers, and its connection is kept", async () => {
  const heads: string[] = [];
  await using server = await rawServer(async (peer) => {
    for (const status of ["200 OK", "404 Not Found", "200 OK"]) {
      heads.push(await peer.head());
      peer.write(`HTTP/1.1 ${status}\r\ncontent-length: 5000000\r\nx-what: this\r\n\r\n`);
    }
  });
  using client = await httpAsker();
  const found = await client.ask(server.url, { method: "HEAD" });
  expect(found).toMatchObject({ status: 200, headers: { "content-length": "5000000", "x-what": "this" } });
  expect(await bodyOf(found)).toHaveLength(0);
  const missing = client.ask(server.url, { method: "HEAD" });
  await expect(missing).rejects.toMatchObject({ code: "storage", message: "404 " });
  const left = await client.ask(server.url, { method: "HEAD" });
  left.discard();
  // All of them have come over one connection.
  expect(heads.map((head) => head.split("\r\n", 1))).toEqual(Array(3).fill(["HEAD /k HTTP/1.1"]));
});
