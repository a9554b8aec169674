import { BlockBlobClient, newPipeline, StorageSharedKeyCredential } from "@azure/storage-blob";
import { assert, asyncProperty, constantFrom, dictionary, string } from "fast-check";
import { expect, test } from "vitest";
import { encodePath } from "../../http/url-text.ts";
import { azureServiceError } from "./errors.ts";
import { keySignature } from "./sign.ts";

const key = Buffer.from("the key of an account");

interface Seen {
  readonly url: string;
  readonly method: string;
  readonly headers: { toJson(): Record<string, string> };
}

/** What the SDK would send. */
async function signedBySdk(path: string, work: (client: BlockBlobClient) => Promise<unknown>): Promise<Seen> {
  const { promise, resolve } = Promise.withResolvers<Seen>();
  const pipeline = newPipeline(new StorageSharedKeyCredential("account", key.toString("base64")), {
    retryOptions: { maxTries: 1 },
    httpClient: {
      sendRequest: async (request) => {
        resolve(request);
        throw azureServiceError({ status: 500, code: "", message: "" }, { what: "send it", permission: "" });
      },
    },
  });
  await work(new BlockBlobClient(`https://account.blob.core.windows.net/container/${path}`, pipeline)).catch(
    () => undefined,
  );
  return promise;
}

function signatureOf({ url, method, headers }: Seen): string {
  const { pathname, searchParams } = new URL(url);
  const all = Object.entries(headers.toJson()).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const query = Object.fromEntries(searchParams);
  return keySignature({ method, path: pathname, query, headers: Object.fromEntries(all) }, "account", key);
}

test("a signature is the SDK's, for any key, metadata and block", async () => {
  const name = string({
    unit: constantFrom("a", "ü", "🜁", "+", " ", "%", "!", "(", "~", "=", "&", "日"),
    minLength: 1,
  });
  const word = string({ unit: constantFrom("a", "b", "0", "2", "_", "z"), minLength: 1 }).map((text) => `m${text}`);
  const property = asyncProperty(name, dictionary(word, constantFrom("x", "a b")), async (text, metadata) => {
    const body = Buffer.from(text);
    const put = await signedBySdk(encodePath(text), (blob) =>
      blob.upload(body, body.length, { metadata, tier: "Cool", tags: { a: "b c" }, conditions: { ifNoneMatch: "*" } }),
    );
    expect(signatureOf(put)).toBe(put.headers.toJson()["authorization"]);
    const id = body.toString("base64");
    const block = await signedBySdk(encodePath(text), (blob) => blob.stageBlock(id, body, body.length));
    expect(signatureOf(block)).toBe(block.headers.toJson()["authorization"]);
  });
  await assert(property, { numRuns: 60, seed: 7 });
});
