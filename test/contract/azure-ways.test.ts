/** How the Azure driver gets to a server: over TLS and through proxies; and blocks that it does not hold. */
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { upload } from "../../src/transfer/transfer.ts";
import { type Azurite, accountUrl, startAzurite } from "../harness/azurite.ts";
import { casesOn } from "../harness/cases-on.ts";
import { makeCertificates } from "../harness/certificates.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { forwardProxy } from "../harness/forward-proxy.ts";
import { machineIdentity } from "../harness/machine-identity.ts";
import { openAzure } from "../harness/opened-azure.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const directory = await temporaryDirectory();
const certificates = await makeCertificates(directory.path);
const mebibyte = 1024 * 1024;

afterAll(() => directory[Symbol.asyncDispose]());

const cases = (server: Azurite, secure: Azurite) => {
  const caFile = certificates.authorityFile;
  const login = { username: "me@work", password: "p:w/d" };

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("a certificate is trusted only when its authority is", async () => {
    const endpoint = accountUrl(secure.endpoint);
    await using stranger = await openAzure(secure, { container: "ccc", settings: { endpoint } });
    const refused = { code: "unreachable", retryable: false, hint: expect.stringContaining("--ca-file") };
    await expect(stranger.storage.get("k")).rejects.toMatchObject(refused);
    await expect(stranger.storage.bucketExists()).rejects.toMatchObject(refused);
    await using azure = await openAzure(secure, { settings: { endpoint, caFile } });
    const bytes = sampleBytes(2 * mebibyte);
    await azure.storage.put("k", bytesSource(bytes));
    expect((await collect(await azure.storage.get("k"))).equals(bytes)).toBe(true);
  });

  test("HTTPS to a server of HTTP is told", async () => {
    const endpoint = accountUrl(server.endpoint.replace("http", "https"));
    await using azure = await openAzure(server, { container: "ccc", settings: { endpoint } });
    const told = { code: "protocol", hint: expect.stringContaining("--insecure-http") };
    await expect(azure.storage.get("k")).rejects.toMatchObject(told);
    await expect(azure.storage.bucketExists()).rejects.toMatchObject(told);
  });

  test.each(["http", "https"] as const)("a proxy is used for %s, with its password", async (scheme) => {
    await using proxy = await forwardProxy(login);
    const [target, trust] = scheme === "http" ? [server, {}] : [secure, { caFile }];
    const through = { protocol: "HTTP", host: "127.0.0.1", port: proxy.port, ...login } as const;
    const settings = { endpoint: accountUrl(target.endpoint), ...trust, proxy: through };
    await using azure = await openAzure(target, { settings });
    const bytes = sampleBytes(2 * mebibyte);
    await azure.storage.put("k", bytesSource(bytes));
    expect((await collect(await azure.storage.get("k"))).equals(bytes)).toBe(true);
    const url = `${accountUrl(target.endpoint)}/${azure.bucket}/k`;
    expect(proxy.asked).toContain(scheme === "http" ? `PUT ${url}` : `CONNECT 127.0.0.1:${target.port}`);
    const requests = proxy.asked.length;
    expect(await azure.storage.stat("k")).toMatchObject({ sizeBytes: bytes.length });
    // Over TLS a tunnel is used again, and nothing else is.
    if (scheme === "http") expect(proxy.asked.slice(requests)).toEqual([`HEAD ${url}`]);
  });

  test("the machine's identity is asked for a token, once", async () => {
    await using machine = await machineIdentity();
    for (const [name, value] of Object.entries(machine.environment)) vi.stubEnv(name, value);
    const settings = { endpoint: accountUrl(secure.endpoint), caFile, environment: {} };
    await using azure = await openAzure(secure, { settings, blockBytes: mebibyte });
    const bytes = sampleBytes(2 * mebibyte + 1);
    for (const key of ["a", "b"]) await azure.storage.put(key, bytesSource(bytes));
    expect((await collect(await azure.storage.get("a"))).equals(bytes)).toBe(true);
    expect(await azure.storage.stat("b")).toMatchObject({ sizeBytes: bytes.length });
    expect(await azure.storage.delete(["a", "b"])).toEqual({ failed: [] });
    expect(machine.given).toBe(1);
  });

  test("a block that is too large to be held is read twice, and comes whole", async () => {
    const blockBytes = 9 * mebibyte;
    await using azure = await openAzure(server, { blockBytes });
    const bytes = sampleBytes(blockBytes + 5);
    const source = bytesSource(bytes, 1024 * 1024 + 1);
    const budget = countedBudget();
    await upload(azure.storage, "k", source, { algorithm: "SHA-256", rateLimit: budget });
    expect(source.opened).toBe(3);
    expect(budget.takenBytes).toBe(bytes.length);
    expect((await collect(await azure.storage.get("k"))).equals(bytes)).toBe(true);
  });
};

const secureStore = await startAzurite({ tls: certificates });
casesOn("ways", await startAzurite(), (server) =>
  casesOn("over HTTP and HTTPS", secureStore, (secure) => cases(server, secure)),
);
