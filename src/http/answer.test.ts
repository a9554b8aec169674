import { expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { answering, httpAsker, rawServer } from "../../test/harness/raw-server.ts";
import { answerWithin, wholeAnswer } from "./answer.ts";

const bound = { ms: 1000, signal: undefined, what: "ask", clock: new ManualClock() };

test("a short answer is read whole, with its headers", async () => {
  await using server = await rawServer(answering("HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 4\r\n\r\nüok"));
  using client = await httpAsker();
  const answer = await answerWithin(bound, (signal) => client.ask(server.url, { signal }));
  expect(answer).toEqual({ headers: { "x-a": "b", "content-length": "4" }, text: "üok" });
});

test("the deadline holds for the rest of an answer that has begun", async () => {
  await using server = await rawServer(answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"));
  using client = await httpAsker();
  const clock = new ManualClock();
  const asked = answerWithin({ ...bound, clock }, async (signal) => {
    const response = await client.ask(server.url, { signal });
    void clock.advance(1000);
    return response;
  });
  const message = expect.stringMatching(/^the call to ask did not finish/);
  await expect(asked).rejects.toMatchObject({ code: "timeout", message });
});

test("an answer that does not end is left", async () => {
  const piece = Buffer.alloc(1024 * 1024);
  let isLeft = false;
  async function* endless() {
    try {
      for (;;) yield piece;
    } finally {
      isLeft = true;
    }
  }
  const answer = wholeAnswer({ status: 200, headers: {}, stream: endless(), discard: () => undefined }, "ask");
  await expect(answer).rejects.toMatchObject({ code: "protocol", message: "cannot ask: the answer does not end" });
  expect(isLeft).toBe(true);
});
