/** A server that answers each request as a test says, and opens drivers on a bucket of it, whose name is "bucket". */
import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { azureStorage } from "../../src/storage/azure/azure.ts";
import { gcsStorage } from "../../src/storage/gcs/gcs.ts";
import { s3Dialects } from "../../src/storage/s3/options.ts";
import { s3Storage } from "../../src/storage/s3/s3.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { listening } from "./listening.ts";
import { usualMeans } from "./opened-store.ts";

export interface Answer {
  /** 200 when left out. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface AnsweredStore extends AsyncDisposable {
  readonly storage: Storage;
  /** "PUT /bucket/key?query", in order. */
  readonly asked: readonly string[];
}

const openers = {
  s3: (endpoint: string) =>
    s3Storage({
      ...usualMeans,
      bucket: "bucket",
      dialect: { ...s3Dialects.aws, name: "of the test" },
      s3: {
        endpoint,
        environment: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_KEY: "b" },
        region: "us-east-1",
        pathStyle: true,
      },
    }),
  azure: (endpoint: string) =>
    azureStorage({
      ...usualMeans,
      container: "bucket",
      settings: {
        endpoint: `${endpoint}/account`,
        environment: { AZURE_STORAGE_ACCOUNT: "account", AZURE_STORAGE_KEY: Buffer.from("key").toString("base64") },
      },
    }),
  gcs: (endpoint: string) => gcsStorage({ ...usualMeans, bucket: "bucket", options: { endpoint } }),
} as const;

export async function answeredStore(
  protocol: keyof typeof openers,
  answer: (request: IncomingMessage) => Answer,
): Promise<AnsweredStore> {
  const asked: string[] = [];
  const server = await listening(
    createServer(async (request, response) => {
      await text(request);
      asked.push(`${request.method} ${request.url}`);
      const { status = 200, headers = {}, body = "" } = answer(request);
      response.writeHead(status, headers).end(body);
    }),
  );
  const storage = await openers[protocol](server.address);
  return {
    storage,
    asked,
    [Symbol.asyncDispose]: async () => {
      await storage.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
