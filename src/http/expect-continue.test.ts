import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { listening } from "../../test/harness/listening.ts";
import { bodyOf, httpAsker, type Peer, rawServer, sent } from "../../test/harness/raw-server.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const expectationFailed = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno";

describe("a body with an expectation", () => {
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
      const response = await client.ask(new URL(there.address), { ...sent("x"), expectContinue: true });
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
    const asked = client.ask(server.url, { headers: { "content-length": "1" }, frames, expectContinue: true });
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
    const response = await client.ask(server.url, { ...sent("a", "b"), expectContinue: true });
    expect((await bodyOf(response)).toString()).toBe("ok");
  });

  test.each([102, 103])("is not sent for a %i, which is no 100", async (status) => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      peer.write(`HTTP/1.1 ${status} Hint\r\n\r\n`);
      // The body would have come by now: the refusal follows when the client has had time for it.
      const early = await Promise.race([peer.bytes(1), new Promise((resolve) => setTimeout(resolve, 100))]);
      peer.write(early === undefined ? "HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnono" : ok);
    });
    using client = await httpAsker();
    const asked = client.ask(server.url, { ...sent("x"), expectContinue: true });
    await expect(asked).rejects.toMatchObject({ message: "403 nono" });
  });

  test("is sent without it where the server refuses it, from then on", async () => {
    const expectations: boolean[] = [];
    await using server = await rawServer(async (peer) => {
      for (;;) {
        const expects = (await peer.head()).includes("expect:");
        expectations.push(expects);
        if (!expects) expect((await peer.bytes(2)).toString()).toBe("ab");
        peer.write(expects ? expectationFailed : ok);
      }
    });
    using client = await httpAsker();
    for (let round = 0; round < 2; round++) {
      const response = await client.ask(server.url, { ...sent("a", "b"), expectContinue: true });
      expect((await bodyOf(response)).toString()).toBe("ok");
    }
    expect(expectations).toEqual([true, false, false]);
  });

  test("that is refused when some of it has gone out may be sent again", async () => {
    const serve = async (peer: Peer) => {
      await peer.head();
      // The client waits no longer than it must.
      await peer.bytes(1);
      peer.write(expectationFailed);
    };
    await using server = await rawServer(serve);
    using client = await httpAsker();
    const asked = client.ask(server.url, { ...sent("a", "b"), expectContinue: true });
    await expect(asked).rejects.toMatchObject({ code: "unreachable", message: /expectation/, retryable: true });
  });

  test("is asked for by each server on its own", async () => {
    const expectations: boolean[] = [];
    const serve = (refuses: boolean) => async (peer: Peer) => {
      for (;;) {
        const expects = (await peer.head()).includes("expect:");
        expectations.push(expects);
        if (expects && refuses) peer.write(expectationFailed);
        else if (expects) peer.write("HTTP/1.1 100 Continue\r\n\r\n");
        if (!expects || !refuses) {
          await peer.bytes(1);
          peer.write(ok);
        }
      }
    };
    await using refusing = await rawServer(serve(true));
    await using other = await rawServer(serve(false));
    using client = await httpAsker();
    for (const { url } of [refusing, other]) {
      await bodyOf(await client.ask(url, { ...sent("a"), expectContinue: true }));
    }
    expect(expectations).toEqual([true, false, true]);
  });
});
