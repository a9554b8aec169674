import { createServer, type ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { listening } from "../../../test/harness/listening.ts";
import { systemClock } from "../../clock.ts";
import { makeAgents, usualTimeouts } from "../../http/http.ts";
import { S3Wire } from "./wire.ts";

const credentials = async () => ({ accessKeyId: "a", secretAccessKey: "b" });
const operation = { what: "list it", permission: "s3:ListBucket" };

/** A wire to a server that answers every request so. */
async function answered(answer: (response: ServerResponse) => void) {
  const server = await listening(
    createServer((request, response) => request.resume().on("end", () => answer(response))),
  );
  const agents = await makeAgents({});
  const url = new URL(`${server.address}/bucket`);
  const options = { region: "us-east-1", credentials, agents, clock: systemClock, timeouts: usualTimeouts };
  const wire = new S3Wire({ url, ...options, transientAccessDenied: false });
  return {
    ask: () => wire.xml({ method: "GET", operation }, "ListBucketResult"),
    [Symbol.asyncDispose]: async () => {
      agents.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("an answer of 200", () => {
  test.each([
    ["cut short", "<ListBucketResult><Contents><Key>a</Key>"],
    ["empty", ""],
    ["no XML", "ok"],
    ["with an entity of its own", '<!DOCTYPE x [<!ENTITY e "k">]><ListBucketResult><Key>&e;</Key></ListBucketResult>'],
    ["a web page", "<!DOCTYPE html><html><body>Log in.</body></html>"],
  ])("that is %s is no answer, and may be asked for again", async (_, body) => {
    await using server = await answered((response) => response.end(body));
    const told = { code: "protocol", retryable: true, message: "cannot list it: the answer is not the XML of S3" };
    await expect(server.ask()).rejects.toMatchObject(told);
  });

  test.each([
    ["InternalError", "storage", true],
    ["SlowDown", "throttled", true],
    ["Whatever", "storage", true],
    ["AccessDenied", "unauthorized", false],
  ])("may hold an error: %s", async (code, ours, retryable) => {
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>We met &lt;it&gt;.</Message></Error>`;
    await using server = await answered((response) => response.end(body));
    const message = `cannot list it: the store answered ${code}: we met <it>`;
    await expect(server.ask()).rejects.toMatchObject({ code: ours, retryable, message });
  });

  test("that does not end is none", async () => {
    const piece = Buffer.alloc(1024 * 1024, " ");
    await using server = await answered((response) => {
      const more = () => response.write(piece, (error) => (error == null ? more() : undefined));
      more();
    });
    await expect(server.ask()).rejects.toMatchObject({ code: "protocol", retryable: false });
  });

  test("whose connection ends midway is unreachable", async () => {
    await using server = await answered((response) => {
      response.writeHead(200, { "content-length": "100" }).write("<ListBucketResult>", () => response.destroy());
    });
    await expect(server.ask()).rejects.toMatchObject({ code: "unreachable", retryable: true });
  });
});
