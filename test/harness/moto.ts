/** S3 and KMS of AWS as moto plays them: real calls, but all are authorized, no key can be off, no checksum is compared. */
import { systemClock } from "../../src/clock.ts";
import { type KmsClient, kmsClient } from "../../src/encryption/encryption.ts";
import { silentLogger } from "../../src/log.ts";
import { type ObjectStore, testKeys, type Unavailable } from "./object-stores.ts";
import { startServer } from "./server-process.ts";
import { toolOrigins } from "./tool-origins.ts";
import { findTool } from "./tools.ts";

const region = "us-east-1";

export interface Moto extends ObjectStore {
  readonly kms: KmsClient;
  /** Gives the ARN of a new key. */
  createKey(): Promise<string>;
}

export async function startMoto(): Promise<Moto | Unavailable> {
  const program = await findTool(toolOrigins.moto);
  if (typeof program !== "string") return program;
  const server = await startServer({
    command: (port) => [program, "-H", "127.0.0.1", "-p", String(port)],
  });
  const credentials = { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret };
  const kms = kmsClient({
    region,
    endpoint: server.endpoint,
    settings: { environment: { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_KEY: testKeys.secret } },
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
  return {
    ...server,
    credentials,
    kms,
    async createKey() {
      const response = await fetch(server.endpoint, {
        method: "POST",
        headers: {
          // Tells moto which service is meant; it verifies no signature.
          authorization: `AWS4-HMAC-SHA256 Credential=${testKeys.access}/20250101/${region}/kms/aws4_request, SignedHeaders=host, Signature=0`,
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "TrentService.CreateKey",
        },
        body: "{}",
      });
      const text = await response.text();
      const arn = /"Arn": ?"([^"]+)"/.exec(text)?.[1];
      if (arn === undefined) throw new Error(`no key was made: ${text}`);
      return arn;
    },
    [Symbol.asyncDispose]: async () => {
      await kms.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
