/** How the driver of Google Cloud Storage comes to its tokens, and to whom it shows them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { casesOn } from "../harness/cases-on.ts";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { forwardProxy } from "../harness/forward-proxy.ts";
import { openGcs } from "../harness/opened-gcs.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import { spoilingProxy } from "../harness/spoiling-proxy.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";
import { type TokenServer, tokenServer } from "../harness/token-server.ts";

/** The library makes directories there. */
const home = await temporaryDirectory();
afterAll(() => home[Symbol.asyncDispose]());

casesOn("credentials", await startFakeGcs(), (server) => {
  beforeEach(() => {
    for (const name of Object.keys(process.env))
      if (/^(GOOGLE|GCLOUD|CLOUDSDK)_/.test(name)) vi.stubEnv(name, undefined);
    vi.stubEnv("HOME", home.path);
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** The library looks into the process's environment by itself. */
  function openWith(file: string): Promise<OpenedStore> {
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: file, GOOGLE_CLOUD_PROJECT: "p" };
    return openGcs(server, { options: { environment } });
  }

  /** The server answers only those who show the last token that was given. */
  function guard({ proxy }: OpenedStore, { given }: TokenServer): void {
    proxy.spoil(({ headers }) =>
      headers.authorization === `Bearer ${given.at(-1)}` ? undefined : { kind: "answer", status: 401 },
    );
  }

  test("a token is requested once, sent with every request, and renewed when it is refused", async () => {
    await using tokens = await tokenServer();
    await using gcs = await openWith(tokens.credentialsFile);
    const { storage, proxy } = gcs;
    const bytes = sampleBytes(10_000);
    await Promise.all(Array.from({ length: 10 }, (_, i) => storage.put(`d/${i}`, bytesSource(bytes))));
    expect(tokens.given).toEqual(["token-1"]);
    expect(new Set(proxy.seen.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer token-1"]));
    proxy.spoil(({ headers }) =>
      headers.authorization === "Bearer token-1" ? { kind: "answer", status: 401 } : undefined,
    );
    const read = await Promise.all(Array.from({ length: 10 }, async (_, i) => collect(await storage.get(`d/${i}`))));
    expect(read.every((one) => one.equals(bytes))).toBe(true);
    expect(tokens.given).toEqual(["token-1", "token-2"]);
    guard(gcs, tokens);
    await storage.put("e", bytesSource(bytes));
    await storage.refresh("e");
    expect(await storage.delete(["e"])).toEqual({ failed: [] });
    expect(tokens.given).toHaveLength(2);
  });

  test("a token that is about to expire is renewed before it is refused", async () => {
    await using tokens = await tokenServer();
    tokens.answer({ seconds: 1 });
    await using gcs = await openWith(tokens.credentialsFile);
    guard(gcs, tokens);
    gcs.proxy.forget();
    await gcs.storage.bucketExists();
    await gcs.storage.bucketExists();
    expect(gcs.proxy.seen.map(({ headers }) => headers.authorization)).toEqual(
      tokens.given.slice(-2).map((token) => `Bearer ${token}`),
    );
    expect(new Set(tokens.given).size).toBeGreaterThan(2);
  });

  test("tokens that are refused again and again are unauthorized", async () => {
    await using tokens = await tokenServer();
    await using gcs = await openWith(tokens.credentialsFile);
    gcs.proxy.spoil(() => ({ kind: "answer", status: 401 }));
    const hint = expect.stringContaining("GOOGLE_APPLICATION_CREDENTIALS");
    await expect(gcs.storage.get("k")).rejects.toMatchObject({ code: "unauthorized", hint });
    expect(tokens.given).toHaveLength(2);
  });

  test("a token service that refuses is unauthorized, one that fails is worth trying again", async () => {
    await using tokens = await tokenServer();
    await using gcs = await openWith(tokens.credentialsFile);
    gcs.proxy.spoil(({ headers }) =>
      headers.authorization === "Bearer token-1" ? { kind: "answer", status: 401 } : undefined,
    );
    for (const [status, code, retryable] of [
      [400, "unauthorized", false],
      [503, "unreachable", true],
    ] as const) {
      tokens.answer({ status });
      await expect(gcs.storage.get("k")).rejects.toMatchObject({ code, retryable });
    }
    tokens.answer({ seconds: 3600 });
    expect(await gcs.storage.bucketExists()).toBe(true);
  });

  test("that are nowhere, or no file of credentials, are unauthorized, and say where to put them", async () => {
    const options = { endpoint: "https://127.0.0.1:1", environment: {} };
    await using nowhere = await openGcs(server, { bucket: "bbb", options });
    const hint = expect.stringContaining("GOOGLE_APPLICATION_CREDENTIALS");
    await expect(nowhere.storage.get("k")).rejects.toMatchObject({ code: "unauthorized", hint });
    await expect(nowhere.storage.createBucket()).rejects.toMatchObject({ code: "usage" });
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/credentials.json");
    const file = { GOOGLE_APPLICATION_CREDENTIALS: "/nowhere/credentials.json" };
    await using missing = await openGcs(server, { bucket: "bbb", options: { ...options, environment: file } });
    await expect(missing.storage.get("k")).rejects.toMatchObject({ code: "unauthorized", hint });
  });

  test("never go over HTTP to another machine", async () => {
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: "/some/file" };
    const options = { endpoint: "http://gcs.example.org", environment };
    await expect(openGcs(server, { bucket: "bbb", options })).rejects.toMatchObject({ code: "usage" });
  });

  test("never go to what a variable of AWS names", async () => {
    await using tokens = await tokenServer();
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", tokens.credentialsFile);
    await using other = await spoilingProxy(server);
    await using dead = await forwardProxy({ username: "me", password: "right" });
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: tokens.credentialsFile, AWS_ENDPOINT_URL: other.endpoint };
    const proxy = { protocol: "HTTP", host: "127.0.0.1", port: dead.port } as const;
    await using gcs = await openGcs(server, { bucket: "bbb", options: { endpoint: undefined, environment, proxy } });
    await expect(gcs.storage.get("k")).rejects.toMatchObject({ code: "unreachable" });
    expect(dead.asked).toEqual(["CONNECT storage.googleapis.com:443"]);
    expect(other.seen).toEqual([]);
  });

  test("of a user are exchanged through the proxy, like everything else", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "user.json");
    const user = { type: "authorized_user", client_id: "id", client_secret: "secret", refresh_token: "token" };
    await writeFile(file, JSON.stringify(user));
    // Refuses, so that nothing leaves this machine.
    await using proxy = await forwardProxy({ username: "me", password: "right" });
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    const through = {
      protocol: "HTTP",
      host: "127.0.0.1",
      port: proxy.port,
      username: "me",
      password: "wrong",
    } as const;
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: file };
    await using gcs = await openGcs(server, { bucket: "bbb", options: { environment, proxy: through } });
    await expect(gcs.storage.get("k")).rejects.toMatchObject({ code: "unreachable" });
    expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT oauth2.googleapis.com:443"]));
  });
});
