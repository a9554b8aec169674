import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type SignableRequest, Signer, type SigningIdentity, sha256 } from "./sign.ts";

/** The example keys of AWS's documentation. */
const identity = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const scope = { region: "us-east-1", service: "s3" };
const timeMs = Date.UTC(2013, 4, 24);
const host = "examplebucket.s3.amazonaws.com";
const request = { method: "GET", path: "/", query: {}, headers: { host }, payloadHash: sha256(""), timeMs };

test.each([
  [
    "GET with a header",
    { path: "/test.txt", headers: { host, range: "bytes=0-9" } },
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "GET with a query without value",
    { query: { lifecycle: "" } },
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "GET with a query",
    { query: { prefix: "J", "max-keys": "2" } },
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
])("%s is signed as the documentation of S3 has it", (_, own, signature) => {
  const { headers } = new Signer(scope).sign({ ...request, ...own }, identity);
  expect(headers["authorization"]).toMatch(new RegExp(`Signature=${signature}$`));
});

test("the token of a session is signed and sent", () => {
  const { headers } = new Signer(scope).sign(request, { ...identity, sessionToken: "t" });
  expect(headers).toMatchObject({ "x-amz-security-token": "t", "x-amz-content-sha256": sha256("") });
  expect(headers["authorization"]).toContain("x-amz-security-token");
});

/** The example in the documentation of Amazon S3: 66,560 letters "a" in chunks of 64 KiB. */
test("chunks are signed as the documentation of S3 has it", () => {
  const { headers, signChunk } = new Signer(scope).sign(
    {
      method: "PUT",
      path: "/examplebucket/chunkObject.txt",
      query: {},
      headers: {
        host: "s3.amazonaws.com",
        "content-encoding": "aws-chunked",
        "content-length": "66824",
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
      },
      payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
      timeMs,
    },
    identity,
  );
  expect(headers["authorization"]).toMatch(
    /Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9$/,
  );
  const signatures = [];
  for (const sizeBytes of [65_536, 1024, 0]) signatures.push(signChunk(Buffer.alloc(sizeBytes, "a")));
  expect(signatures).toEqual([
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ]);
});

/** What AWS's own library puts into the request. */
async function authorizationOf(
  { method, path, query, headers, payloadHash, timeMs }: SignableRequest,
  { sessionToken, ...keys }: SigningIdentity,
): Promise<string | undefined> {
  const credentials = sessionToken === undefined ? keys : { ...keys, sessionToken };
  const signer = new SignatureV4({ ...scope, credentials, sha256: Sha256, uriEscapePath: false });
  const request = { method, path, query: { ...query }, protocol: "https:", hostname: host };
  const sent = { ...request, headers: { ...headers, "x-amz-content-sha256": payloadHash } };
  const signed = await signer.sign(sent, { signingDate: new Date(timeMs) });
  return signed.headers["authorization"];
}

test("any request is signed as AWS's own library signs it", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "Z", "~", " ", "+", "%", "/", "=", "&", "ü", "🜁", "'", "*") });
  const name = fc.stringMatching(/^x-amz-[a-z]{1,6}$/);
  const value = fc.stringMatching(/^[!-~]( {0,3}[!-~]){0,8}$/);
  const requests = fc.record({
    method: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE"),
    path: text.map((key) => `/${key.split("/").map(encodeURIComponent).join("/").replace(/['*]/g, percent)}`),
    query: fc.dictionary(fc.stringMatching(/^[a-zA-Z-]{1,8}$/), text, { maxKeys: 4 }),
    headers: fc.dictionary(name, value, { maxKeys: 4 }).map((headers) => ({ host, ...headers })),
    payloadHash: fc.constantFrom("UNSIGNED-PAYLOAD", sha256("x")),
    timeMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });
  const identities = fc.option(fc.stringMatching(/^[a-zA-Z0-9/+=]{1,30}$/), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(requests, identities, async (request, sessionToken) => {
      const who = { ...identity, sessionToken };
      const { headers } = new Signer(scope).sign(request, who);
      expect(headers["authorization"]).toBe(await authorizationOf(request, who));
    }),
    { numRuns: 300 },
  );
});

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
