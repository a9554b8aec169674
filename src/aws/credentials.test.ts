import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { forwardProxy } from "../../test/harness/forward-proxy.ts";
import { listening } from "../../test/harness/listening.ts";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { systemClock } from "../clock.ts";
import { makeAgents } from "../http/http.ts";
import { awsCredentials } from "./credentials.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** AWS's library reads the environment of the process. */
function useEnvironment(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
  const nowhere = {
    AWS_CONFIG_FILE: "/nowhere",
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  for (const [name, value] of Object.entries({ ...nowhere, ...variables })) vi.stubEnv(name, value);
}

const region = "eu-west-1";
const inAnHour = Date.now() + 3_600_000;
const found = { accessKeyId: "id", secretAccessKey: "secret", sessionToken: "token" };

describe("credentials from a service go through the proxy", () => {
  test("from STS, for a web identity", async () => {
    await using directory = await temporaryDirectory();
    const tokenFile = join(directory.path, "token");
    await writeFile(tokenFile, "a.web.token");
    const expiration = new Date(inAnHour).toISOString();
    const credentials = `<AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${expiration}</Expiration>`;
    const action = "AssumeRoleWithWebIdentity";
    const body = `<${action}Response><${action}Result><Credentials>${credentials}</Credentials></${action}Result></${action}Response>`;
    await using sts = await listening(
      createServer((request, response) => request.resume().on("end", () => response.end(body))),
    );
    useEnvironment({
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/backup",
      AWS_ENDPOINT_URL_STS: sts.address,
    });
    await using proxy = await forwardProxy({ username: "me", password: "p" });
    const agents = await makeAgents({
      proxy: { protocol: "HTTP", host: "127.0.0.1", port: proxy.port, username: "me", password: "p" },
    });
    const provide = await awsCredentials({ region, agents, clock: systemClock });
    expect(await provide()).toMatchObject(found);
    expect(await provide()).toMatchObject(found);
    expect(proxy.asked).toEqual([`POST ${sts.address}/`]);
    agents.close();
  });

  test("from SSO, for a profile with a session", async () => {
    await using directory = await temporaryDirectory();
    const config = join(directory.path, "config");
    const session = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n";
    const start =
      "sso_start_url = https://start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n";
    await writeFile(config, `[profile p]\n${session}[sso-session s]\n${start}`);
    const cache = join(directory.path, ".aws/sso/cache");
    await mkdir(cache, { recursive: true });
    const token = { accessToken: "t", expiresAt: new Date(inAnHour).toISOString(), startUrl: "https://start", region };
    await writeFile(join(cache, `${createHash("sha1").update("s").digest("hex")}.json`), JSON.stringify(token));
    const roleCredentials = { ...found, expiration: inAnHour };
    await using sso = await listening(
      createServer((request, response) => {
        request.resume();
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ roleCredentials }));
      }),
    );
    useEnvironment({
      HOME: directory.path,
      AWS_PROFILE: "p",
      AWS_CONFIG_FILE: config,
      AWS_ENDPOINT_URL_SSO: sso.address,
    });
    await using proxy = await forwardProxy({ username: "me", password: "p" });
    const agents = await makeAgents({
      proxy: { protocol: "HTTP", host: "127.0.0.1", port: proxy.port, username: "me", password: "p" },
    });
    const provide = await awsCredentials({ region, agents, clock: systemClock });
    expect(await provide()).toMatchObject(found);
    expect(proxy.asked).toHaveLength(1);
    agents.close();
  });
});

test("a service that never answers is waited for until the deadline, or the abort", async () => {
  const asked = Promise.withResolvers<void>();
  await using silent = await listening(createServer(() => asked.resolve()));
  await using directory = await temporaryDirectory();
  const tokenFile = join(directory.path, "token");
  await writeFile(tokenFile, "a.web.token");
  useEnvironment({
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/backup",
    AWS_ENDPOINT_URL_STS: silent.address,
  });
  const agents = await makeAgents({});
  const clock = new ManualClock();
  const provide = await awsCredentials({ region, agents, clock });
  const late = expect(provide()).rejects.toMatchObject({ code: "timeout" });
  await asked.promise;
  await clock.advance(60_000);
  await late;
  const stop = new AbortController();
  const cancelled = expect(provide(stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  stop.abort();
  await cancelled;
  agents.close();
});
