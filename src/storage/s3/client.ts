/** The SDK, as the driver uses it: for credentials, regions, endpoints, and for all requests that carry no object. */
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { esopCredentials, type SigningIdentity, s3Error } from "../../aws/aws.ts";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../concurrency/concurrency.ts";
import { AppError, throwIfAborted } from "../../errors.ts";
import { type HttpAgents, type HttpTimeouts, makeAgents, type Operation } from "../../http/http.ts";
import { endpointUrl } from "../remote/store-options.ts";
import type { S3Dialect, S3Options } from "./options.ts";

export interface S3Place {
  readonly bucket: string;
  readonly dialect: S3Dialect;
  readonly options: S3Options;
  readonly timeouts: HttpTimeouts;
}

export interface S3Connection {
  readonly client: S3Client;
  readonly agents: HttpAgents;
  readonly region: string;
  /** The bucket's own: a key is appended to its path. */
  readonly url: URL;
  identity(): Promise<SigningIdentity>;
}

/** Prepares everything without asking the store. Throws `usage` and `unauthorized` for what cannot work. */
export async function connectS3(place: S3Place): Promise<S3Connection> {
  const agents = await makeAgents(place.options);
  const client = await makeClient(place, agents);
  try {
    const region = await client.config.region();
    const url = await bucketUrl(client, place.bucket);
    const identity = async () => ({ ...(await client.config.credentials()), region });
    return { client, agents, region, url, identity };
  } catch (error) {
    client.destroy();
    agents.close();
    throw s3Error(error, { what: `use bucket '${place.bucket}'`, permission: "" });
  }
}

async function makeClient({ dialect, options, timeouts }: S3Place, agents: HttpAgents): Promise<S3Client> {
  const endpoint = endpointUrl(options);
  if (endpoint === undefined && dialect.needsEndpoint) {
    throw new AppError("usage", `a store of the kind ${dialect.name} needs an endpoint`, {
      hint: "add --endpoint https://host, or set AWS_ENDPOINT_URL",
    });
  }
  const credentials = esopCredentials(options.environment);
  const make = (region: string | undefined) =>
    new S3Client({
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint: endpoint.href }),
      ...(credentials === undefined ? {} : { credentials }),
      forcePathStyle: options.pathStyle ?? dialect.pathStyle,
      tls: options.insecureHttp !== true,
      // Tries are counted outside, where sources can be rewound.
      maxAttempts: 1,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      requestHandler: new NodeHttpHandler({
        httpAgent: agents.http,
        httpsAgent: agents.https,
        connectionTimeout: timeouts.connectMs,
      }),
    });
  const client = make(options.region);
  try {
    await client.config.region();
    return client;
  } catch (cause) {
    // Other servers than AWS mostly do not care, and know this name.
    if (endpoint !== undefined) return make("us-east-1");
    const hint = "add --region, or set AWS_REGION";
    throw new AppError("usage", "the bucket's region is not known", { cause, hint });
  }
}

/** Asks the SDK's rules, profiles included, by preparing a request that is never sent. */
async function bucketUrl(client: S3Client, bucket: string): Promise<URL> {
  const found: { url?: URL; scheme?: string | undefined } = {};
  const enough = new Error("the endpoint is known");
  const command = new GetObjectCommand({ Bucket: bucket, Key: "k" });
  command.middlewareStack.add(
    (_next, context) => async () => {
      const { endpointV2 } = context;
      if (endpointV2 !== undefined) found.url = endpointV2.url;
      found.scheme = endpointV2?.properties?.authSchemes?.[0]?.name;
      throw enough;
    },
    { step: "build", priority: "high" },
  );
  await client.send(command).catch((error: unknown) => {
    if (error !== enough) throw error;
  });
  if (found.url === undefined) throw new AppError("internal", `no endpoint for bucket '${bucket}'`);
  if (found.scheme !== undefined && found.scheme !== "sigv4") {
    throw new AppError("unsupported", `bucket '${bucket}' wants signatures of the kind ${found.scheme}`, {
      hint: "directory buckets and multi-region access points are not supported: name a plain bucket",
    });
  }
  return found.url;
}

/** How long the server may take for one call. */
export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  readonly ms: number;
  readonly clock: Clock;
}

/** One call of the SDK with a deadline; its errors are ours. */
export async function call<T>(
  operation: Operation,
  limits: CallLimits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(limits.signal);
  using signal = withDeadline(limits.ms, limits.signal, `the call to ${operation.what}`, limits.clock);
  try {
    return await work(signal);
  } catch (error) {
    throw s3Error(error, operation, signal);
  }
}
