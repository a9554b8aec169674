/** S3 and KMS of AWS as moto plays them: real calls, but all are authorized, no key can be off, no checksum is compared. */
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { systemClock } from "../../src/clock.ts";
import { type KmsClient, kmsClient } from "../../src/encryption/encryption.ts";
import { silentLogger } from "../../src/log.ts";
import { type ObjectStore, testKeys, type Unavailable } from "./object-stores.ts";
import { startServer } from "./server-process.ts";
import { findTool, type ToolOrigin } from "./tools.ts";

const origin: ToolOrigin = { kind: "pip", packages: ["moto[s3,server,kms]==5.2.5"], program: "moto_server" };
const region = "us-east-1";

export interface Moto extends ObjectStore {
  readonly kms: KmsClient;
  /** Gives the ARN of a new key. */
  createKey(): Promise<string>;
}

export async function startMoto(): Promise<Moto | Unavailable> {
  const program = await findTool(origin);
  if (typeof program !== "string") return program;
  const server = await startServer({
    command: (port) => [program, "-H", "127.0.0.1", "-p", String(port)],
  });
  const credentials = { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret };
  const admin = new KMSClient({
    endpoint: server.endpoint,
    region,
    credentials: { accessKeyId: testKeys.access, secretAccessKey: testKeys.secret },
  });
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
      const { KeyMetadata: made } = await admin.send(new CreateKeyCommand({}));
      if (made?.Arn === undefined) throw new Error("no key was made");
      return made.Arn;
    },
    [Symbol.asyncDispose]: async () => {
      await kms.close();
      admin.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}
