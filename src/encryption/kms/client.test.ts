import { createServer } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { forwardProxy } from "../../../test/harness/forward-proxy.ts";
import { listening } from "../../../test/harness/listening.ts";
import { ManualClock } from "../../../test/harness/manual-clock.ts";
import { systemClock } from "../../clock.ts";
import { silentLogger } from "../../log.ts";
import { kmsClient } from "./client.ts";
import type { KmsClientOptions } from "./kms.ts";

interface Asked {
  readonly target: string;
  readonly body: Record<string, unknown>;
}

/** Status and body of each answer, JSON or text; without a status the connection is cut. The last one is repeated. */
type Answer = {
  readonly status?: number;
  readonly body?: Record<string, unknown> | string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A server that answers as a KMS with what it is told to answer. */
async function kmsServer(...answers: readonly Answer[]) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    asked.push({ target: String(request.headers["x-amz-target"]), body: JSON.parse(text) });
    const { status, body = {}, headers } = answers[Math.min(asked.length, answers.length) - 1] ?? {};
    if (status === undefined) request.socket.destroy();
    else response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  const { address: endpoint, ...rest } = await listening(server);
  return { endpoint, asked, ...rest };
}

const credentials = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_KEY: "b" };
const context = { "aws:x-amz-cek-alg": "115" };
const key = Buffer.alloc(32, 7);
const wrapped = Buffer.from("wrapped");
const newKey: Answer = {
  status: 200,
  body: { Plaintext: key.toString("base64"), CiphertextBlob: wrapped.toString("base64"), KeyId: "arn" },
};

function client(environment: Readonly<Record<string, string>>, more: Partial<KmsClientOptions> = {}) {
  const kms = kmsClient({
    region: "eu-west-1",
    settings: { environment: { ...credentials, ...environment } },
    retry: { maxAttempts: 3, intervalMs: 1, strategy: "linear" },
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    ...more,
  });
  return Object.assign(kms, { [Symbol.asyncDispose]: () => kms.close() });
}

test("a data key is asked for and unwrapped with its context", async () => {
  await using server = await kmsServer(newKey);
  await using kms = client({ AWS_ENDPOINT_URL_KMS: server.endpoint });
  expect(await kms.generateDataKey("alias/k", context)).toEqual({
    dataKey: Uint8Array.from(key),
    wrappedKey: Uint8Array.from(wrapped),
  });
  expect(await kms.decrypt(wrapped, context)).toEqual(Uint8Array.from(key));
  await kms.decrypt(wrapped, context, "alias/k");
  const blob = { CiphertextBlob: wrapped.toString("base64"), EncryptionContext: context };
  expect(server.asked).toEqual([
    {
      target: "TrentService.GenerateDataKey",
      body: { KeyId: "alias/k", KeySpec: "AES_256", EncryptionContext: context },
    },
    { target: "TrentService.Decrypt", body: blob },
    { target: "TrentService.Decrypt", body: { ...blob, KeyId: "alias/k" } },
  ]);
});

describe("a failure that may pass is tried again", () => {
  const refused = (status: number, type: string): Answer => ({ status, body: { __type: type, message: "Later." } });
  test.each([
    ["throttled", refused(400, "ThrottlingException")],
    ["throttled", refused(503, "ServiceUnavailable")],
    ["unreachable", refused(500, "KMSInternalException")],
    ["unreachable", refused(500, "DependencyTimeoutException")],
    ["unreachable", {}],
    ["protocol", { status: 200, body: '{"Plaintext":"AAAA' }],
    ["protocol", { status: 200, body: "" }],
  ])("%s: %j", async (code, failure) => {
    await using server = await kmsServer(failure, failure, newKey);
    await using kms = client({ AWS_ENDPOINT_URL_KMS: server.endpoint });
    expect((await kms.generateDataKey("k", context)).dataKey).toHaveLength(32);
    expect(server.asked).toHaveLength(3);
    await using never = await kmsServer(failure);
    await using other = client({}, { endpoint: never.endpoint });
    await expect(other.decrypt(wrapped, context)).rejects.toMatchObject({ code, retryable: true });
    expect(never.asked).toHaveLength(code === "throttled" ? 9 : 3);
  });
});

describe("a refusal is told once, with what can be done", () => {
  const credentialsHint = /access key and its secret/;
  test.each([
    ["AccessDeniedException", 400, "unauthorized", /permission kms:GenerateDataKey for the key 'k'/],
    ["DisabledException", 400, "unauthorized", /enable the key 'k' again/],
    ["KMSInvalidStateException", 400, "unauthorized", /cancel its deletion/],
    ["NotFoundException", 400, "unauthorized", /the key 'k' does not exist/],
    ["UnrecognizedClientException", 400, "unauthorized", credentialsHint],
    ["InvalidSignatureException", 400, "unauthorized", credentialsHint],
    ["SomethingNew", 403, "unauthorized", credentialsHint],
    ["ExpiredTokenException", 400, "unauthorized", /new temporary credentials/],
    ["IncorrectKeyException", 400, "unauthorized", /another key/],
    ["InvalidCiphertextException", 400, "corrupt", /AWS_ENDPOINT_URL_KMS/],
    ["InvalidKeyUsageException", 400, "usage", /symmetric/],
    ["SomethingNew", 400, "protocol", undefined],
  ])("%s with %i", async (type, status, code, hint) => {
    await using server = await kmsServer({ status, body: { __type: type, message: "You cannot." } });
    await using kms = client({ AWS_ENDPOINT_URL_KMS: server.endpoint });
    await expect(kms.generateDataKey("k", context)).rejects.toMatchObject({
      code,
      message: `cannot get a data key of the KMS key 'k': the KMS answered ${type}: you cannot`,
      hint: hint === undefined ? undefined : expect.stringMatching(hint),
    });
    expect(server.asked).toHaveLength(1);
    if (type !== "AccessDeniedException") return;
    await expect(kms.decrypt(wrapped, context)).rejects.toMatchObject({
      code,
      hint: "the credentials need the permission kms:Decrypt for the key that the object's tag kmsKey names",
    });
  });
});

test.each([
  ["in the body, with a namespace", { body: { __type: "com.amazonaws.kms#DisabledException", Message: "Off." } }],
  [
    "in a header, with a link",
    { headers: { "x-amzn-errortype": "DisabledException:http://x/" }, body: { message: "Off." } },
  ],
])("the kind of an error may stand %s", async (_, answer) => {
  await using server = await kmsServer({ status: 400, ...answer });
  await using kms = client({ AWS_ENDPOINT_URL_KMS: server.endpoint });
  const message = "cannot get a data key of the KMS key 'k': the KMS answered DisabledException: off";
  await expect(kms.generateDataKey("k", context)).rejects.toMatchObject({ code: "unauthorized", message });
});

test("an answer without a key is none", async () => {
  await using server = await kmsServer({ status: 200, body: {} });
  await using kms = client({ AWS_ENDPOINT_URL_KMS: server.endpoint });
  await expect(kms.generateDataKey("k", context)).rejects.toMatchObject({ code: "protocol" });
});

test("no store is asked for keys, and the proxy is used", async () => {
  await using store = await kmsServer(newKey);
  vi.stubEnv("AWS_ENDPOINT_URL", store.endpoint);
  try {
    await using proxy = await forwardProxy({ username: "me", password: "right" });
    const through = { protocol: "HTTP", host: "127.0.0.1", port: proxy.port } as const;
    const environment = { ...credentials, AWS_ENDPOINT_URL: store.endpoint };
    const settings = { endpoint: store.endpoint, insecureHttp: true, proxy: through, environment };
    await using kms = client({}, { settings });
    await expect(kms.decrypt(wrapped, context)).rejects.toMatchObject({ code: "unreachable" });
    expect(proxy.asked).toEqual(["CONNECT kms.eu-west-1.amazonaws.com:443"]);
    expect(store.asked).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("settings that cannot be right are told with the first call, and closing needs none", async () => {
  const settings = { environment: credentials, caFile: "/nonexistent/ca.pem" };
  await using kms = client({}, { settings });
  await expect(kms.decrypt(wrapped, context)).rejects.toMatchObject({ code: "not-found" });
  await using other = client({}, { endpoint: "ftp://x" });
  await expect(other.decrypt(wrapped, context)).rejects.toMatchObject({ code: "usage" });
  await client({}).close();
});

test("a call ends with its signal, and at its deadline", async () => {
  const arrived = Promise.withResolvers<void>();
  await using silent = await listening(createServer(() => arrived.resolve()));
  const stop = new AbortController();
  await using kms = client({}, { endpoint: silent.address });
  const cancelled = expect(kms.decrypt(wrapped, context, undefined, stop.signal)).rejects.toMatchObject({
    code: "cancelled",
  });
  await arrived.promise;
  stop.abort();
  await cancelled;
  await expect(kms.decrypt(wrapped, context, undefined, stop.signal)).rejects.toMatchObject({ code: "cancelled" });

  const again = Promise.withResolvers<void>();
  await using slow = await listening(createServer(() => again.resolve()));
  const clock = new ManualClock();
  const once = { maxAttempts: 1, intervalMs: 1, strategy: "linear" } as const;
  await using other = client({}, { endpoint: slow.address, clock, retry: once });
  const late = expect(other.decrypt(wrapped, context)).rejects.toMatchObject({ code: "timeout", retryable: true });
  await again.promise;
  await clock.advance(60_000);
  await late;
});
