import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { assert, asyncProperty, constantFrom, option, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { encodePath } from "../http/url-text.ts";
import { Signer, type SigningIdentity } from "./sign.ts";

const identity: SigningIdentity = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "secret/with+signs",
  region: "eu-west-1",
};

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
}

/** What the SDK would send. */
async function signedBySdk(who: SigningIdentity, command: PutObjectCommand | GetObjectCommand): Promise<Seen> {
  const { promise, resolve } = Promise.withResolvers<Seen>();
  const client = new S3Client({
    region: who.region,
    credentials: { ...who, sessionToken: who.sessionToken ?? "" },
    requestChecksumCalculation: "WHEN_REQUIRED",
    maxAttempts: 1,
    requestHandler: {
      metadata: { handlerProtocol: "http/1.1" },
      handle: async (request: Seen) => {
        resolve(request);
        return { response: { statusCode: 200, headers: {}, body: Readable.from([]) } };
      },
    },
  });
  if (command instanceof PutObjectCommand) await client.send(command);
  else await client.send(command);
  return promise;
}

function authorizationOf(who: SigningIdentity, { method, path, query, headers }: Seen): string | undefined {
  const signedNames = /SignedHeaders=([^,]+)/.exec(headers["authorization"] ?? "")?.[1]?.split(";") ?? [];
  const time = headers["x-amz-date"] ?? "";
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const signed = new Signer().sign(
    {
      method,
      path,
      query,
      headers: Object.fromEntries(signedNames.map((name) => [name, headers[name] ?? ""])),
      payloadHash: headers["x-amz-content-sha256"] ?? "",
      timeMs: Date.parse(iso),
    },
    who,
  );
  return signed.headers["authorization"];
}

describe("a signature", () => {
  test("is the SDK's, for any key, body and session", async () => {
    const key = string({
      unit: constantFrom("a", "ü", "🜁", "+", " ", "%", "!", "'", "(", "*", "~", "=", "/", "&", "日"),
      minLength: 1,
    });
    const property = asyncProperty(
      key,
      uint8Array(),
      option(string({ minLength: 1, unit: "grapheme-ascii" })),
      async (name, Body, token) => {
        const who = token === null ? identity : { ...identity, sessionToken: `t${token.trim()}` };
        const put = await signedBySdk(
          who,
          new PutObjectCommand({ Bucket: "bucket", Key: `k${name}`, Body, Metadata: { a: "b  c" } }),
        );
        expect(authorizationOf(who, put)).toBe(put.headers["authorization"]);
        expect(put.path).toBe(`/${encodePath(`k${name}`)}`);
      },
    );
    await assert(property, { numRuns: 60, seed: 7 });
  });

  test("is the SDK's with a query", async () => {
    const command = new GetObjectCommand({
      Bucket: "bucket",
      Key: "k",
      VersionId: "a/b c",
      ResponseContentType: "x*y",
    });
    const get = await signedBySdk(identity, command);
    expect(authorizationOf(identity, get)).toBe(get.headers["authorization"]);
  });
});

/** The example in the documentation of Amazon S3: 66,560 letters "a" in chunks of 64 KiB. */
test("chunks are signed as the documentation has it", () => {
  const signed = new Signer().sign(
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
      timeMs: Date.UTC(2013, 4, 24),
    },
    {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      region: "us-east-1",
    },
  );
  const chunks = [Buffer.alloc(65_536, "a"), Buffer.alloc(1024, "a"), Buffer.alloc(0)];
  expect(signed.headers["authorization"]).toMatch(
    /Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9$/,
  );
  expect(chunks.map((chunk) => signed.signChunk(chunk))).toEqual([
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ]);
});
