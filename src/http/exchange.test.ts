import { getEventListeners, once } from "node:events";
import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { listening } from "../../test/harness/listening.ts";
import { answering, bodyOf, httpAsker, type Peer, rawServer, sent } from "../../test/harness/raw-server.ts";
import { AppError } from "../errors.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const mebibyte = 1024 * 1024;

/** A server that takes requests and never says a word. */
const silent = async (peer: Peer) => {
  await peer.head();
};

const soon = { connectMs: 100, idleMs: 100 };
const timeout = { code: "timeout" };

/** Several times as long as those waits. */
async function someTime(): Promise<void> {
  await using server = await rawServer(silent);
  using client = await httpAsker();
  for (let round = 0; round < 3; round++) {
    await expect(client.ask(server.url, { timeouts: soon })).rejects.toMatchObject(timeout);
  }
}

test("a HEAD request's response has no body, whatever its headers say, and the connection is kept", async () => {
  await using server = await rawServer(async (peer) => {
    for (const framing of ["content-length: 5", "transfer-encoding: chunked", "x-a: 1"]) {
      expect(await peer.head()).toMatch(/^HEAD /);
      peer.write(`HTTP/1.1 ${framing === "x-a: 1" ? "404 Not Found" : "200 OK"}\r\n${framing}\r\n\r\n`);
    }
  });
  using client = await httpAsker();
  const { headers, stream } = await client.ask(server.url, { method: "HEAD" });
  expect(headers["content-length"]).toBe("5");
  expect(await bodyOf({ status: 200, headers, stream, discard: () => undefined })).toHaveLength(0);
  (await client.ask(server.url, { method: "HEAD" })).discard();
  await expect(client.ask(server.url, { method: "HEAD" })).rejects.toMatchObject({ code: "storage", message: "404 " });
});

describe("a body to send", () => {
  test("goes out all the same where the server does not say whether it wants it, and it is asked once only", async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer();
    server.on("request", (request, response) => {
      asked.push(request.headers.expect);
      request.resume().on("end", () => response.end());
    });
    // Node would answer by itself; this server does not know the question.
    server.on("checkContinue", (request, response) => server.emit("request", request, response));
    await using there = await listening(server);
    using client = await httpAsker();
    const put = async () => {
      const response = await client.ask(new URL(there.address), { ...sent("x"), asksFirst: true });
      response.discard();
      return response.status;
    };
    expect([await put(), await put(), await put()]).toEqual([200, 200, 200]);
    expect(asked).toEqual(["100-continue", undefined, undefined]);
  });

  test("is neither sent nor read where the server refuses it first", async () => {
    await using server = await rawServer(async (peer) => {
      expect(await peer.head()).toContain("expect: 100-continue\r\n");
      peer.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnono");
      await expect(peer.bytes(1)).rejects.toThrow("left");
    });
    using client = await httpAsker();
    let read = 0;
    const frames = (async function* () {
      read++;
      yield Buffer.from("x");
    })();
    const asked = client.ask(server.url, { headers: { "content-length": "1" }, frames, asksFirst: true });
    await expect(asked).rejects.toMatchObject({ code: "storage", message: "403 nono" });
    expect(read).toBe(0);
    await (await server.peer(0)).left();
  });

  test("is sent once the server wants it", async () => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
      expect((await peer.bytes(2)).toString()).toBe("ab");
      peer.write(ok);
    });
    using client = await httpAsker();
    const response = await client.ask(server.url, { ...sent("a", "b"), asksFirst: true });
    expect((await bodyOf(response)).toString()).toBe("ok");
  });

  test("ends early where the server refuses it midway, however much the refusal says", async () => {
    // The server reads nothing more: whoever waits until it does waits for ever.
    const text = "x".repeat(2 * mebibyte);
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write(`HTTP/1.1 400 Bad Request\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
      peer.socket.pause();
    });
    using client = await httpAsker();
    const asked = client.ask(server.url, sent(...Array<Buffer>(64).fill(Buffer.alloc(mebibyte))));
    await expect(asked).rejects.toMatchObject({ code: "storage", message: /^400 x+$/ });
    await (await server.peer(0)).left();
  });

  test.each([
    ["longer than announced", "3", ["ab", "cd"]],
    ["shorter than announced", "5", ["ab", "cd"]],
    ["without a length", undefined, ["ab"]],
  ])("that is %s is a defect that no server hears of as the next request", async (_, length, pieces) => {
    await using server = await rawServer(silent);
    using client = await httpAsker();
    const headers = length === undefined ? {} : { "content-length": length };
    const asked = client.ask(server.url, { frames: sent(...pieces).frames, headers });
    await expect(asked).rejects.toMatchObject({ code: "internal", message: /length/ });
    await (await server.peer(0)).left();
  });

  test("whose end has not gone out when it is answered takes the connection with it", async () => {
    const goOn = Promise.withResolvers<void>();
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no");
      await goOn.promise;
      peer.write("k");
      // Read by nobody, the rest of the body would be stuck between this answer and the next.
      peer.socket.pause();
    });
    using client = await httpAsker();
    const response = await client.ask(server.url, sent(Buffer.alloc(64 * mebibyte)));
    goOn.resolve();
    expect((await bodyOf(response)).toString()).toBe("ok");
    await (await server.peer(0)).left();
  });

  test("that cannot be read ends the request, and the connection", async () => {
    await using server = await rawServer(silent);
    using client = await httpAsker();
    const frames = (async function* () {
      yield Buffer.from("a");
      throw new AppError("io", "gone");
    })();
    const asked = client.ask(server.url, { headers: { "content-length": "2" }, frames });
    await expect(asked).rejects.toMatchObject({ code: "io" });
    await (await server.peer(0)).left();
  });

  test("that is answered before it is sent is not taken for accepted", async () => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write(empty);
    });
    using client = await httpAsker();
    const answered = Promise.withResolvers<void>();
    const frames = (async function* () {
      yield Buffer.from("a");
      await answered.promise;
      yield Buffer.from("b");
    })();
    const asked = client.ask(server.url, { headers: { "content-length": "2" }, frames });
    // The connection ends as soon as its answer is whole.
    await (await server.peer(0)).left();
    answered.resolve();
    await expect(asked).rejects.toMatchObject({ code: "protocol", message: /before it was asked/ });
  });
});

describe("an answer", () => {
  test.each([
    ["chunked", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-sum: 1\r\n\r\n"],
    ["until the connection's end", "\r\nabcde"],
    ["counted", "content-length: 5\r\n\r\nabcde"],
  ])("%s is read in whole", async (_, rest) => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.socket.end(`HTTP/1.1 200 OK\r\n${rest}`);
    });
    using client = await httpAsker();
    expect((await bodyOf(await client.ask(server.url))).toString()).toBe("abcde");
  });

  test.each([
    ["in its head", "HTTP/1.1 200"],
    ["in its body", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"],
    ["in a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na"],
    ["before its last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"],
  ])("that is cut short %s is none", async (_, wire) => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.socket.end(wire);
    });
    using client = await httpAsker();
    const read = async () => bodyOf(await client.ask(server.url));
    await expect(read()).rejects.toThrow(/too early/);
  });

  test("with bytes behind it is good all the same, and so is a refusal", async () => {
    await using server = await rawServer(async (peer, index) => {
      await peer.head();
      peer.write(index === 0 ? `${ok}more` : "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nnomore");
    });
    using client = await httpAsker();
    expect((await bodyOf(await client.ask(server.url))).toString()).toBe("ok");
    await expect(client.ask(server.url)).rejects.toMatchObject({ code: "storage", message: "404 no" });
  });

  test("that is no HTTP is told so", async () => {
    await using server = await rawServer((peer) => peer.write("SSH-2.0-OpenSSH_9.6\r\n\r\n"));
    using client = await httpAsker();
    await expect(client.ask(server.url)).rejects.toMatchObject({ code: "protocol", message: /no HTTP/ });
    await (await server.peer(0)).left();
  });

  test("that is spoiled midway ends the connection, and what came before it is read", async () => {
    await using server = await rawServer(
      answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n"),
    );
    using client = await httpAsker();
    const { stream } = await client.ask(server.url);
    const reader = stream[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(Buffer.from("a"));
    await expect(reader.next()).rejects.toMatchObject({ cause: { code: "HPE_INVALID" } });
    await (await server.peer(0)).left();
  });

  test("that nobody reads stops its server, which goes on when somebody does", async () => {
    const bytes = 64 * mebibyte;
    let given = 0;
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`);
      for (; given < bytes; given += mebibyte) {
        const hasRoom = peer.socket.write(Buffer.alloc(mebibyte, given / mebibyte));
        if (!hasRoom) await once(peer.socket, "drain");
      }
    });
    using client = await httpAsker();
    const { stream } = await client.ask(server.url, { transient: true });
    await someTime();
    // What the kernel holds for both.
    expect(given).toBeLessThan(bytes / 2);
    let [read, right] = [0, true];
    for await (const chunk of stream) {
      right &&= chunk[0] === Math.floor(read / mebibyte);
      read += chunk.length;
    }
    expect([read, right]).toEqual([bytes, true]);
  });

  test.each([
    ["counted", (text: string) => `content-length: ${text.length}\r\n\r\n${text}`],
    [
      "chunked",
      (text: string) => `transfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    ],
  ])("that refuses, %s, is told up to 64 KiB", async (_, body) => {
    await using server = await rawServer(answering(`HTTP/1.1 500 No\r\n${body("x".repeat(mebibyte))}`));
    using client = await httpAsker();
    const refusal = await client.ask(server.url).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "storage", message: `500 ${"x".repeat(64 * 1024)}` });
    await (await server.peer(0)).left();
  });

  test.each([
    ["small", 1000, true],
    ["nothing", 0, true],
    ["large", 2 * mebibyte, false],
    ["of unknown length", undefined, false],
  ])("of which nobody wants the body leaves a connection if that is %s", async (_, length, isKept) => {
    const framing = length === undefined ? "transfer-encoding: chunked" : `content-length: ${length}`;
    await using server = await rawServer(answering(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${"x".repeat(length ?? 0)}`));
    using client = await httpAsker();
    const response = await client.ask(server.url);
    response.discard();
    if (!isKept) await (await server.peer(0)).left();
    (await client.ask(server.url)).discard();
    expect(server.peers).toHaveLength(isKept ? 1 : 2);
  });

  test("whose reader leaves midway ends its connection", async () => {
    const body = "x".repeat(4 * mebibyte);
    await using server = await rawServer(answering(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`));
    using client = await httpAsker();
    for await (const _ of (await client.ask(server.url, { transient: true })).stream) break;
    await (await server.peer(0)).left();
  });
});

describe("a wait", () => {
  test("for an answer has a bound", async () => {
    await using server = await rawServer(silent);
    using client = await httpAsker();
    await expect(client.ask(server.url, { timeouts: soon })).rejects.toMatchObject(timeout);
    await (await server.peer(0)).left();
  });

  test("for the rest of an answer has a bound", async () => {
    await using server = await rawServer(answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"));
    using client = await httpAsker();
    const response = await client.ask(server.url, { timeouts: soon });
    await expect(bodyOf(response)).rejects.toMatchObject(timeout);
    await (await server.peer(0)).left();
  });

  test("for the rest of a refusal has a bound", async () => {
    await using server = await rawServer(answering("HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\na"));
    using client = await httpAsker();
    await expect(client.ask(server.url, { timeouts: soon })).rejects.toMatchObject(timeout);
  });

  test("for a server that takes no body has a bound", async () => {
    await using server = await rawServer((peer) => void peer.socket.pause());
    using client = await httpAsker();
    const asked = client.ask(server.url, { ...sent(Buffer.alloc(64 * mebibyte)), timeouts: soon });
    await expect(asked).rejects.toMatchObject(timeout);
    await (await server.peer(0)).left();
  });

  test("for our own side has none: neither for a slow reader nor for a slow source", async () => {
    const bytes = 16 * mebibyte;
    await using server = await rawServer(async (peer) => {
      await peer.head();
      // Some servers say so unasked.
      peer.write("HTTP/1.1 100 Continue\r\n\r\n");
      await peer.bytes(2);
      peer.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`, Buffer.alloc(bytes));
    });
    using client = await httpAsker();
    const frames = (async function* () {
      yield Buffer.from("a");
      await someTime();
      yield Buffer.from("b");
      await someTime();
    })();
    const { stream } = await client.ask(server.url, { headers: { "content-length": "2" }, frames, timeouts: soon });
    let read = 0;
    for await (const chunk of stream) {
      if (read === 0) await someTime();
      read += chunk.length;
    }
    expect(read).toBe(bytes);
  });
});

describe("an abort", () => {
  const large = `HTTP/1.1 200 OK\r\ncontent-length: ${8 * mebibyte}\r\n\r\n${"x".repeat(mebibyte)}`;
  const refusal = "HTTP/1.1 404 No\r\ncontent-length: 10\r\n\r\nx";
  const serve = (answer: string) => async (peer: Peer) => {
    await peer.head();
    peer.write(answer);
  };
  const reason = new AppError("timeout", "the day is over");

  test.each([
    ["while the server is asked first", silent, () => ({ ...sent("a"), asksFirst: true })],
    ["while the body is sent", (peer: Peer) => void peer.socket.pause(), () => sent(Buffer.alloc(64 * mebibyte))],
    ["before the answer", silent, () => ({})],
    ["within the answer's head", serve("HTTP/1.1 200 OK\r\n"), () => ({})],
    ["within a refusal", serve(refusal), () => ({})],
    ["within the answer's body", serve(large), () => ({ transient: true })],
  ])("%s ends it with the reason, and leaves nothing", async (_, server, asked) => {
    await using there = await rawServer(server);
    using client = await httpAsker();
    const stop = new AbortController();
    const read = async () => bodyOf(await client.ask(there.url, { ...asked(), signal: stop.signal }));
    const reading = read();
    reading.catch(() => undefined);
    // For what is told here, it is enough that the server has got something, or has sent it.
    const peer = await there.peer(0);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await peer.left();
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  });

  test("that has come before the request sends none", async () => {
    await using server = await rawServer(answering(empty));
    using client = await httpAsker();
    (await client.ask(server.url)).discard();
    const signal = AbortSignal.abort(reason);
    await expect(client.ask(server.url, { signal })).rejects.toBe(reason);
    (await client.ask(server.url)).discard();
    expect(server.peers).toHaveLength(1);
  });

  test("after the answer changes nothing", async () => {
    await using server = await rawServer(answering(ok));
    using client = await httpAsker();
    const stop = new AbortController();
    await bodyOf(await client.ask(server.url, { signal: stop.signal }));
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
    stop.abort();
    await bodyOf(await client.ask(server.url));
    expect(server.peers).toHaveLength(1);
  });
});

test("closing the agents ends what is under way", async () => {
  await using server = await rawServer(silent);
  using client = await httpAsker();
  const asked = client.ask(server.url);
  asked.catch(() => undefined);
  await (await server.peer(0)).served;
  client.agents.close();
  await expect(asked).rejects.toThrow(/too early/);
  await server.peers[0]?.left();
});
