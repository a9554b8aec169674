import { describe, expect, test } from "vitest";
import { bodyOf, httpAsker, type Peer, rawServer } from "../../test/harness/raw-server.ts";

const timeouts = { idleMs: 200 };

/** Writes one byte at a time, each well within the idle time, for as long as the client stays. */
function dripping(head: string, drop: string): (peer: Peer) => Promise<void> {
  return async (peer) => {
    await peer.head();
    peer.write(head);
    const timer = setInterval(() => peer.write(drop), 40);
    await new Promise((resolve) => peer.socket.once("close", resolve));
    clearInterval(timer);
  };
}

describe("a server that drips", () => {
  test.each([
    ["a head", "HTTP/1.1 200 OK\r\nx: ", "x"],
    ["interim responses", "", "HTTP/1.1 102 Processing\r\n\r\n"],
    ["a body of known length", "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "x"],
    ["a body of chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
    ["a body until the end", "HTTP/1.1 200 OK\r\n\r\n", "x"],
  ])("%s is a stalled one", async (_, head, drop) => {
    await using server = await rawServer(dripping(head, drop));
    using client = await httpAsker();
    const read = async () => bodyOf(await client.ask(server.url, { timeouts }));
    await expect(read()).rejects.toMatchObject({ code: "timeout" });
    await (await server.peer(0)).left();
  });

  test("the text of a refusal is no longer waited for", async () => {
    await using server = await rawServer(dripping("HTTP/1.1 500 No\r\ncontent-length: 1000000\r\n\r\n", "x"));
    using client = await httpAsker();
    await expect(client.ask(server.url, { timeouts })).rejects.toMatchObject({ message: /^500 x+$/ });
    await (await server.peer(0)).left();
  });
});

test("a body that is slow but comes is read, however long it takes", async () => {
  const pieces = 12;
  await using server = await rawServer(async (peer) => {
    await peer.head();
    peer.write(`HTTP/1.1 200 OK\r\ncontent-length: ${pieces * 100}\r\n\r\n`);
    for (let piece = 0; piece < pieces; piece++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      peer.write("x".repeat(100));
    }
  });
  using client = await httpAsker();
  expect(await bodyOf(await client.ask(server.url, { timeouts }))).toHaveLength(pieces * 100);
});
