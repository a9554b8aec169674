import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Peer, rawServer } from "../../test/harness/raw-server.ts";
import { systemClock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { makeAgents } from "../http/http.ts";
import { AwsWire } from "./wire.ts";

const operation = { what: "test", permission: "" };
const idleMs = 100;

async function wireTo(url: URL): Promise<AwsWire> {
  const agents = await makeAgents({});
  onTestFinished(() => agents.close());
  return new AwsWire({
    url,
    service: "s3",
    region: "r",
    credentials: async () => ({ accessKeyId: "k", secretAccessKey: "s" }),
    agents,
    clock: systemClock,
    timeouts: { connectMs: 5000, idleMs },
    serviceError: (status) => new AppError("storage", String(status)),
  });
}

const request = { method: "POST", path: "/", operation } as const;
const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

describe("a call that keeps the server busy", () => {
  test.each<[string, (peer: Peer) => Promise<void>]>([
    [
      "may be kept alive by a blank now and then, as S3 does while it completes an upload",
      async (peer) => {
        peer.write(head);
        for (let blank = 0; blank < 8; blank += 1) {
          await delay(idleMs / 2);
          peer.write("1\r\n \r\n");
        }
        peer.write("2\r\nok\r\n0\r\n\r\n");
      },
    ],
    [
      "may be silent for as long as the call may last",
      async (peer) => {
        await delay(3 * idleMs);
        peer.write(`${head}2\r\nok\r\n0\r\n\r\n`);
      },
    ],
  ])("%s", async (_, answer) => {
    await using server = await rawServer(async (peer) => {
      await peer.head();
      await answer(peer);
    });
    const wire = await wireTo(server.url);
    expect((await wire.call(request, 600_000)).text.trim()).toBe("ok");
    const download = async () => {
      const { stream } = await wire.send(request);
      for await (const _chunk of stream);
    };
    await expect(download()).rejects.toMatchObject({ code: "timeout" });
  });
});
