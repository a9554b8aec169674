/** Requests to the KMS: JSON 1.1, one POST a call. Loaded only where a key of it is used. */
import { type AwsRegion, AwsWire, awsCredentials, awsRegion, serviceUrl, textBody } from "../../aws/aws.ts";
import { AppError } from "../../errors.ts";
import { fieldsOf, type HttpAgents, makeAgents, usualTimeouts } from "../../http/http.ts";
import { endpointUrl } from "../../storage/storage.ts";
import { type KmsOperation, kmsServiceError, parseKmsError } from "./errors.ts";
import type { KmsClient, KmsClientOptions } from "./kms.ts";

const callMs = 60_000;

/** Finds region, endpoint and credentials without asking the KMS. Throws `usage`, `io` and `not-found` for bad settings. */
export async function openKms(options: KmsClientOptions): Promise<KmsClient> {
  const agents = await makeAgents(options.settings);
  try {
    const wire = await makeWire(options, agents);
    return new KmsWire(wire, agents);
  } catch (error) {
    agents.close();
    throw error;
  }
}

async function makeWire(options: KmsClientOptions, agents: HttpAgents): Promise<AwsWire<KmsOperation>> {
  const { settings, clock } = options;
  const { environment } = settings;
  const place = await regionOf(options.region);
  const { region } = place;
  return new AwsWire({
    url: endpointOf(options) ?? serviceUrl("kms", place),
    ...{ service: "kms", region, agents, clock, timeouts: usualTimeouts },
    credentials: await awsCredentials({ environment, region, agents, clock }),
    serviceError: (status, headers, body, operation) =>
      kmsServiceError(parseKmsError(status, headers, body), operation),
  });
}

async function regionOf(given: string | undefined): Promise<AwsRegion> {
  try {
    return await awsRegion(given);
  } catch (cause) {
    const hint = "add --region, or set AWS_REGION";
    throw new AppError("usage", "the region of the KMS is not known", { cause, hint });
  }
}

/** AWS_ENDPOINT_URL and the profile's endpoint are where the objects are, and no store is to be asked for keys. */
function endpointOf({ endpoint, settings }: KmsClientOptions): URL | undefined {
  const { AWS_ENDPOINT_URL_KMS: configured = "" } = settings.environment ?? {};
  return endpointUrl({ endpoint: endpoint ?? (configured === "" ? undefined : configured) });
}

class KmsWire implements KmsClient {
  readonly #wire: AwsWire<KmsOperation>;
  readonly #agents: HttpAgents;

  constructor(wire: AwsWire<KmsOperation>, agents: HttpAgents) {
    this.#wire = wire;
    this.#agents = agents;
  }

  async generateDataKey(...[keyId, context, signal]: Parameters<KmsClient["generateDataKey"]>) {
    const what = `get a data key of the KMS key '${keyId}'`;
    const operation = { what, permission: "kms:GenerateDataKey", keyId };
    const input = { KeyId: keyId, KeySpec: "AES_256", EncryptionContext: context };
    const answer = await this.#call("GenerateDataKey", input, operation, signal);
    return { dataKey: bytesIn(answer, "Plaintext", what), wrappedKey: bytesIn(answer, "CiphertextBlob", what) };
  }

  async decrypt(...[wrappedKey, context, keyId, signal]: Parameters<KmsClient["decrypt"]>) {
    const what = `unwrap a data key${keyId === undefined ? "" : ` of the KMS key '${keyId}'`}`;
    const operation = { what, permission: "kms:Decrypt", keyId };
    const blob = Buffer.from(wrappedKey).toString("base64");
    const input = { KeyId: keyId, CiphertextBlob: blob, EncryptionContext: context };
    return bytesIn(await this.#call("Decrypt", input, operation, signal), "Plaintext", what);
  }

  async close(): Promise<void> {
    this.#agents.close();
  }

  /** Fields of the input that are undefined are left out. */
  async #call(name: string, input: object, operation: Omit<KmsOperation, "service">, signal: AbortSignal | undefined) {
    const body = textBody(JSON.stringify(input), "application/x-amz-json-1.1");
    const headers = { "x-amz-target": `TrentService.${name}` };
    const { text } = await this.#wire.call(
      { method: "POST", path: "/", headers, body, signal, operation: { ...operation, service: "the KMS" } },
      callMs,
    );
    try {
      return fieldsOf(JSON.parse(text));
    } catch (cause) {
      throw new AppError("protocol", `cannot ${operation.what}: the answer is no JSON`, { cause, retryable: true });
    }
  }
}

function bytesIn(answer: Readonly<Record<string, unknown>>, name: string, what: string): Uint8Array {
  const text = answer[name];
  const bytes = Uint8Array.from(Buffer.from(typeof text === "string" ? text : "", "base64"));
  if (bytes.length > 0) return bytes;
  throw new AppError("protocol", `cannot ${what}: the answer has no key`);
}
