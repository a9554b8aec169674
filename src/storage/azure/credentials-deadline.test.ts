/** By itself, as the library looks for the machine's identity only once in a process. */
import { afterEach, expect, test, vi } from "vitest";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { rawServer } from "../../../test/harness/raw-server.ts";
import { authorizeBy } from "./credentials.ts";
import { reading } from "./errors.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a token that nobody gives has a deadline", async () => {
  await using server = await rawServer(async (peer) => {
    await peer.head();
  });
  vi.stubEnv("IDENTITY_ENDPOINT", `${server.url.origin}/token`);
  vi.stubEnv("IDENTITY_HEADER", "x");
  const clock = new ManualClock();
  const request = { method: "GET", path: "/c/k", query: {}, headers: {} };
  const operation = { what: "read it", permission: reading };
  const asked = authorizeBy({ kind: "identity" }, {}, clock)(request, operation, undefined);
  const failed = expect(asked).rejects.toMatchObject({ code: "timeout", retryable: true });
  await server.peer(0);
  await clock.advance(30_000);
  await failed;
});
