import { afterEach, expect, test, vi } from "vitest";
import { machineIdentity } from "../../../test/harness/machine-identity.ts";
import { systemClock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import { authorizeBy } from "./credentials.ts";
import { reading } from "./errors.ts";

const request = { method: "GET", path: "/c/k", query: {}, headers: {} };
const operation = { what: "read it", permission: reading };
const identity = { kind: "identity" } as const;

afterEach(() => {
  vi.unstubAllEnvs();
});

test("requests that begin together share one token, and one that is aborted leaves it to the others", async () => {
  await using machine = await machineIdentity();
  for (const [name, value] of Object.entries(machine.environment)) vi.stubEnv(name, value);
  const authorize = authorizeBy(identity, {}, systemClock);
  const stop = new AbortController();
  const stopped = authorize(request, operation, stop.signal);
  const others = [1, 2, 3].map(() => authorize(request, operation, undefined));
  const reason = new AppError("cancelled", "enough");
  stop.abort(reason);
  await expect(stopped).rejects.toBe(reason);
  const [first, ...more] = await Promise.all(others);
  expect(first?.headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer ./) });
  for (const other of more) expect(other).toEqual(first);
  expect(await authorize(request, operation, undefined)).toEqual(first);
  expect(machine.given).toBe(1);
});

test.each([
  { AZURE_CLIENT_SECRET: "s" },
  { AZURE_CLIENT_SECRET: "s", AZURE_CLIENT_ID: "c" },
  { AZURE_FEDERATED_TOKEN_FILE: "/f", AZURE_TENANT_ID: "t" },
])("an identity of %j alone is not complete", (environment) => {
  const usage = expect.objectContaining({ code: "usage", hint: expect.stringContaining("AZURE_TENANT_ID") });
  expect(() => authorizeBy(identity, environment, systemClock)).toThrow(usage);
});
