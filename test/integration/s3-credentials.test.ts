/**
 * The ways to get credentials for S3, each with the real tool as an operator has it: the services of AWS that give them
 * away are played here, since there are none to be had; the store is real, and refuses what is not signed with its key.
 */
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { esop } from "../harness/esop.ts";
import { listening } from "../harness/listening.ts";
import { type ObjectStore, startStore, testKeys } from "../harness/object-stores.ts";
import { spoilingProxy } from "../harness/spoiling-proxy.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const store = await startStore("versitygw");

/** Nothing of the machine that the tests run on gives credentials. */
const nowhere = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_CONFIG_FILE: "/nowhere",
  AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: "us-east-1",
};

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const given = () => ({
  AccessKeyId: testKeys.access,
  SecretAccessKey: testKeys.secret,
  Token: "session-token",
  Expiration: inAnHour(),
});

/** A service that answers by path; gives its address and what it was asked. */
async function service(answers: (request: IncomingMessage) => string | undefined) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const body = answers(request);
    request.resume();
    response.writeHead(body === undefined ? 404 : 200).end(body ?? "");
  });
  return { ...(await listening(server)), asked };
}

describe.skipIf("reason" in store)(`credentials for S3${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  let proxy: Awaited<ReturnType<typeof spoilingProxy>>;
  beforeAll(async () => {
    proxy = await spoilingProxy(server);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const look = async (environment: Readonly<Record<string, string | undefined>>) => {
    proxy.forget();
    const options = { environment: { ...nowhere, AWS_ENDPOINT_URL_S3: proxy.endpoint, ...environment } };
    // That there is no such bucket is answered only to whom the store knows.
    const { json } = await esop(["list", "--sl", "s3://nobody-has-this/c/d/n", "--json"], options);
    const [first] = proxy.seen;
    const credential = /Credential=([^/]+)/.exec(first?.headers.authorization ?? "")?.[1];
    return { json, credential, token: first?.headers["x-amz-security-token"] };
  };
  const known = { json: { code: "not-found" } };
  /** The store has no sessions, and refuses their tokens: what is asked of it has to do. */
  const session = { credential: testKeys.access, token: "session-token" };

  test("none: one sentence that says where to put them", async () => {
    const hint = expect.stringContaining("AWS_ACCESS_KEY_ID");
    expect(await look({})).toMatchObject({ json: { code: "unauthorized", hint } });
    expect(proxy.seen).toEqual([]);
  });

  test("variables, with the token of a session where there is one", async () => {
    const { credentials } = server;
    expect(await look(credentials)).toMatchObject(known);
    const { token } = session;
    const refused = { json: { code: "unauthorized", hint: expect.stringContaining("expired") } };
    expect(await look({ ...credentials, AWS_SESSION_TOKEN: token })).toMatchObject({ ...session, ...refused });
  });

  test("a profile, which may name the endpoint and the region as well", async () => {
    await using directory = await temporaryDirectory();
    const [config, secrets] = [join(directory.path, "config"), join(directory.path, "credentials")];
    const configure = (region: string) =>
      writeFile(config, `[profile backup]\nregion = ${region}\nendpoint_url = ${proxy.endpoint}\n`);
    const keys = `aws_access_key_id = ${testKeys.access}\naws_secret_access_key = ${testKeys.secret}\n`;
    await writeFile(secrets, `[backup]\n${keys}`);
    const environment = {
      AWS_PROFILE: "backup",
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: secrets,
      AWS_ENDPOINT_URL_S3: undefined,
      AWS_REGION: undefined,
    };
    await configure("us-east-1");
    expect(await look(environment)).toMatchObject(known);
    await configure("eu-central-1");
    const elsewhere = { code: "unauthorized", hint: expect.stringContaining("region") };
    expect(await look(environment)).toMatchObject({ credential: testKeys.access, json: elsewhere });
  });

  test("the role of the machine (instance metadata, version 2)", async () => {
    await using metadata = await service(({ method, url }) => {
      if (method === "PUT") return "metadata-token";
      if (url?.endsWith("/security-credentials/") === true) return "backup-role";
      return url?.endsWith("/security-credentials/backup-role") === true
        ? JSON.stringify({ Code: "Success", Type: "AWS-HMAC", LastUpdated: inAnHour(), ...given() })
        : undefined;
    });
    const environment = { AWS_EC2_METADATA_DISABLED: undefined, AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.address };
    expect(await look(environment)).toMatchObject(session);
    expect(metadata.asked[0]).toMatch(/^PUT .*token$/);
  });

  test("the identity of a container", async () => {
    await using container = await service(() => JSON.stringify(given()));
    const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.address}/credentials` };
    expect(await look(environment)).toMatchObject(session);
  });

  test("a web identity, as Kubernetes gives it to a pod", async () => {
    await using directory = await temporaryDirectory();
    const tokenFile = join(directory.path, "token");
    await writeFile(tokenFile, "a.web.token");
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = given();
    const credentials = `<AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken><Expiration>${Expiration}</Expiration>`;
    const action = "AssumeRoleWithWebIdentity";
    await using tokens = await service(
      () =>
        `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>${credentials}</Credentials></${action}Result></${action}Response>`,
    );
    const answer = await look({
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/backup",
      AWS_ENDPOINT_URL_STS: tokens.address,
    });
    expect(answer).toMatchObject(session);
    expect(tokens.asked).toEqual(["POST /"]);
  });
});
