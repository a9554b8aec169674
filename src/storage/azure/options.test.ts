import { describe, expect, test } from "vitest";
import { blockBytesOf } from "./blocks.ts";
import { blobSettings, metadataOf, settingHeaders } from "./headers.ts";
import { findAccount } from "./options.ts";

const key = "c2VjcmV0IGtleQ==";
const sas = "sv=2023-11-03&sig=c2ln%3D";
const find = (environment: Record<string, string>, more = {}) => findAccount({ environment, ...more });

describe("the account", () => {
  const withKey = { AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_KEY: key };
  const keyed = { kind: "key", account: "acc", key };

  test.each([
    ["a name and a key", withKey, {}, "https://acc.blob.core.windows.net/", keyed],
    ["over HTTP", withKey, { insecureHttp: true }, "http://acc.blob.core.windows.net/", keyed],
    ["at an endpoint", withKey, { endpoint: "http://h:1/acc" }, "http://h:1/acc", keyed],
    [
      "a connection string",
      { AZURE_STORAGE_CONNECTION_STRING: `AccountName=acc;AccountKey=${key};EndpointSuffix=core.cloudapi.de` },
      {},
      "https://acc.blob.core.cloudapi.de/",
      keyed,
    ],
    [
      "a connection string with its own endpoint",
      { AZURE_STORAGE_CONNECTION_STRING: `AccountName=acc; AccountKey=${key} ;BlobEndpoint=http://h:1/acc;` },
      {},
      "http://h:1/acc",
      keyed,
    ],
    [
      "a connection string with a signature",
      { AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=https://h/;SharedAccessSignature=${sas}` },
      {},
      "https://h/",
      { kind: "sas", token: sas },
    ],
    [
      "a signature",
      { AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_SAS_TOKEN: `?${sas}` },
      {},
      "https://acc.blob.core.windows.net/",
      { kind: "sas", token: sas },
    ],
    ["a name alone", { AZURE_STORAGE_ACCOUNT: "acc" }, {}, "https://acc.blob.core.windows.net/", { kind: "identity" }],
    ["an endpoint alone", {}, { endpoint: "https://h" }, "https://h/", { kind: "identity" }],
  ])("is found in %s", (_, environment, more, url, credential) => {
    const found = find(environment, more);
    expect({ ...found, url: found.url.href }).toEqual({ url, credential });
  });

  test.each([
    [{ ...withKey, AZURE_STORAGE_CONNECTION_STRING: "AccountName=a" }, ["AZURE_STORAGE_CONNECTION_STRING", "_KEY"]],
    [{ ...withKey, AZURE_STORAGE_SAS_TOKEN: sas }, ["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"]],
    [{ ...withKey, AZURE_STORAGE_KEY: "not base64!" }, ["AZURE_STORAGE_KEY"]],
    [{ AZURE_STORAGE_ACCOUNT: "a/b", AZURE_STORAGE_KEY: key }, ["'a/b'"]],
    [{ AZURE_STORAGE_CONNECTION_STRING: `AccountKey=${key}` }, ["AZURE_STORAGE_CONNECTION_STRING"]],
    [{ AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_SAS_TOKEN: "sv=1" }, ["signature"]],
  ])("that %j makes unclear is refused, and no secret is said", (environment, names) => {
    expect(() => find(environment)).toThrow(expect.objectContaining({ code: "usage" }));
    for (const name of names) expect(() => find(environment)).toThrow(name);
    for (const secret of [key, sas, "not base64!"]) expect(() => find(environment)).not.toThrow(secret);
  });

  const signed = { AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_SAS_TOKEN: sas };
  const inText = (endpoint: string) => ({
    AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${endpoint};SharedAccessSignature=${sas}`,
  });

  test.each([
    [signed, { insecureHttp: true }],
    [signed, { endpoint: "http://store.example/acc" }],
    [signed, { endpoint: "http://127.0.0.1.example/acc" }],
    [inText("http://store.example/"), {}],
    [
      { AZURE_STORAGE_CONNECTION_STRING: `DefaultEndpointsProtocol=http;AccountName=a;SharedAccessSignature=${sas}` },
      {},
    ],
  ])("with a signature is not reached over HTTP: %j, %j", (environment, more) => {
    const hint = expect.stringContaining("HTTPS");
    expect(() => find(environment, more)).toThrow(expect.objectContaining({ code: "usage", hint }));
    expect(() => find(environment, more)).not.toThrow(sas);
  });

  test.each(["http://127.0.0.1:1/acc", "http://[::1]:1/acc", "http://localhost:1/acc"])(
    "with a signature is reached at %s, which never leaves the machine",
    (endpoint) => {
      expect(find(signed, { endpoint }).url.href).toBe(endpoint);
      expect(find(inText(endpoint)).url.href).toBe(endpoint);
    },
  );

  test.each([{}, { AZURE_STORAGE_KEY: key }])("that nobody names is unauthorized: %j", (environment) => {
    const hint = expect.stringContaining("AZURE_STORAGE_CONNECTION_STRING");
    expect(() => find(environment)).toThrow(expect.objectContaining({ code: "unauthorized", hint }));
  });
});

describe("what new blobs get", () => {
  test.each([
    { storageClass: "STANDARD_IA" },
    { storageClass: "Archive" },
    { tags: { a: "me@work" } },
    { tags: { ü: "x" } },
  ])("cannot be %j", (settings) => {
    expect(() => blobSettings(settings)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test("metadata of any name comes back as it was", () => {
    const metadata = { "x-amz-key-v2": "a", a_b: "b", "1st": "c", "a.b c": "d" };
    const headers = settingHeaders(blobSettings({})(5, { metadata }));
    for (const name of Object.keys(headers)) expect(name).toMatch(/^x-ms-meta-[a-z_][a-z0-9_]*$/);
    expect(metadataOf(headers)).toEqual(metadata);
  });
});

test("blocks grow so that any object fits in 50,000", () => {
  const mebibyte = 1024 ** 2;
  const blockBytes = (sizeBytes: number) => blockBytesOf({ sizeBytes, open: async function* () {} });
  expect(blockBytes(0)).toBe(8 * mebibyte);
  expect(blockBytes(390 * 1024 * mebibyte)).toBe(8 * mebibyte);
  for (const size of [400 * 1024 * mebibyte, 5 * 1024 ** 4, 190 * 1024 ** 4]) {
    expect(Math.ceil(size / blockBytes(size))).toBeLessThanOrEqual(50_000);
  }
  expect(() => blockBytes(191 * 1024 ** 4)).toThrow(expect.objectContaining({ code: "unsupported" }));
});
