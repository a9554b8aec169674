/** The SDK for the KMS, loaded only where a key of it is used. */
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { esopCredentials } from "../../aws/aws.ts";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../concurrency/concurrency.ts";
import { AppError, throwIfAborted } from "../../errors.ts";
import { type HttpAgents, makeAgents } from "../../http/http.ts";
import { endpointUrl } from "../../storage/storage.ts";
import { type KmsOperation, kmsError } from "./errors.ts";
import type { KmsClient, KmsClientOptions } from "./kms.ts";

const connectMs = 15_000;
const callMs = 60_000;

/** Prepares everything without asking the KMS. Throws `usage`, `io` and `not-found` for what cannot work. */
export async function openKms(options: KmsClientOptions): Promise<KmsClient> {
  const agents = await makeAgents(options.settings);
  const client = makeClient(options, agents);
  const close = async () => {
    client.destroy();
    agents.close();
  };
  try {
    await client.config.region();
  } catch (cause) {
    await close();
    const hint = "add --region, or set AWS_REGION";
    throw new AppError("usage", "the region of the KMS is not known", { cause, hint });
  }
  const { clock } = options;
  return {
    async generateDataKey(keyId, context, signal) {
      const operation = { what: `get a data key of the KMS key '${keyId}'`, permission: "kms:GenerateDataKey", keyId };
      const command = new GenerateDataKeyCommand({
        KeyId: keyId,
        KeySpec: "AES_256",
        EncryptionContext: { ...context },
      });
      const answer = await asked(operation, clock, signal, (abortSignal) => client.send(command, { abortSignal }));
      return { dataKey: needed(answer.Plaintext, operation), wrappedKey: needed(answer.CiphertextBlob, operation) };
    },
    async decrypt(wrappedKey, context, keyId, signal) {
      const of = keyId === undefined ? "" : ` of the KMS key '${keyId}'`;
      const operation = { what: `unwrap a data key${of}`, permission: "kms:Decrypt", keyId };
      const key = keyId === undefined ? {} : { KeyId: keyId };
      const command = new DecryptCommand({ ...key, CiphertextBlob: wrappedKey, EncryptionContext: { ...context } });
      const answer = await asked(operation, clock, signal, (abortSignal) => client.send(command, { abortSignal }));
      return needed(answer.Plaintext, operation);
    },
    close,
  };
}

function makeClient({ region, endpoint, settings }: KmsClientOptions, agents: HttpAgents): KMSClient {
  const { AWS_ENDPOINT_URL_KMS: configured = "" } = settings.environment ?? {};
  const url = endpointUrl({ endpoint: endpoint ?? (configured === "" ? undefined : configured) });
  const credentials = esopCredentials(settings.environment);
  return new KMSClient({
    ...(region === undefined ? {} : { region }),
    ...(url === undefined ? {} : { endpoint: url.href }),
    ...(credentials === undefined ? {} : { credentials }),
    // AWS_ENDPOINT_URL is where the objects are, and no store is to be asked for keys.
    ignoreConfiguredEndpointUrls: true,
    // Tries are counted outside.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      httpAgent: agents.http,
      httpsAgent: agents.https,
      connectionTimeout: connectMs,
    }),
  });
}

async function asked<T>(
  operation: KmsOperation,
  clock: Clock,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(outer);
  using signal = withDeadline(callMs, outer, `the call to ${operation.what}`, clock);
  try {
    return await work(signal);
  } catch (error) {
    throw kmsError(error, operation, signal);
  }
}

function needed(bytes: Uint8Array | undefined, { what }: KmsOperation): Uint8Array {
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw new AppError("protocol", `cannot ${what}: the answer has no key`);
}
