import { expect, test } from "vitest";
import { sha256, signRequest } from "./sign.ts";

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
])("%s is signed as the documentation of S3 has it", async (_, own, signature) => {
  const { headers } = await signRequest({ ...request, ...own }, identity, scope);
  expect(headers["authorization"]).toMatch(new RegExp(`Signature=${signature}$`));
});

test("the token of a session is signed and sent", async () => {
  const { headers } = await signRequest(request, { ...identity, sessionToken: "t" }, scope);
  expect(headers).toMatchObject({ "x-amz-security-token": "t", "x-amz-content-sha256": sha256("") });
  expect(headers["authorization"]).toContain("x-amz-security-token");
});

/** The example in the documentation of Amazon S3: 66,560 letters "a" in chunks of 64 KiB. */
test("chunks are signed as the documentation of S3 has it", async () => {
  const { headers, signChunk } = await signRequest(
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
    scope,
  );
  expect(headers["authorization"]).toMatch(
    /Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9$/,
  );
  const signatures = [];
  for (const sizeBytes of [65_536, 1024, 0]) signatures.push(await signChunk(Buffer.alloc(sizeBytes, "a")));
  expect(signatures).toEqual([
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ]);
});
