import { createServer } from "node:http";
import { expect, test } from "vitest";
import { listening } from "../../test/harness/listening.ts";
import { AppError } from "../errors.ts";
import { makeAgents } from "./agents.ts";
import { exchange, usualTimeouts } from "./exchange.ts";

test("a server that does not say whether it wants a body gets it all the same, and is asked once only", async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer();
  server.on("request", (request, response) => {
    asked.push(request.headers.expect);
    request.resume().on("end", () => response.end());
  });
  // Node would answer by itself; this server does not know the question.
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  await using there = await listening(server);
  const agents = await makeAgents({});
  async function* frames() {
    yield Buffer.from("x");
  }
  const put = async () => {
    const url = new URL(there.address);
    const headers = { "content-length": "1" };
    const request = { method: "PUT", url, path: "/k", headers, frames: frames(), asksFirst: true } as const;
    const failure = () => new AppError("storage", "no");
    const response = await exchange(request, {
      what: "put",
      agents,
      timeouts: usualTimeouts,
      refusal: failure,
      failure,
    });
    response.discard();
    return response.status;
  };
  expect([await put(), await put(), await put()]).toEqual([200, 200, 200]);
  expect(asked).toEqual(["100-continue", undefined, undefined]);
  agents.close();
});
