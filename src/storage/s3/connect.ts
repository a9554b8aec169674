import {
  type AwsRegion,
  awsCredentials,
  awsError,
  awsRegion,
  type Credentials,
  profileEndpoint,
  withoutVariants,
} from "../../aws/aws.ts";
import type { Clock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import { type HttpAgents, makeAgents } from "../../http/http.ts";
import { endpointUrl } from "../remote/store-options.ts";
import { bucketUrl } from "./endpoint.ts";
import type { S3Dialect, S3Options } from "./options.ts";

export interface S3Place {
  readonly bucket: string;
  readonly dialect: S3Dialect;
  readonly options: S3Options;
  readonly clock: Clock;
}

/** The ways and means of all requests to a bucket. */
export interface S3Connection {
  readonly agents: HttpAgents;
  readonly region: string;
  /** The bucket's own: a key is appended to its path. */
  readonly url: URL;
  readonly credentials: Credentials;
}

/**
 * Finds the endpoint, the region and credentials without asking the store. Throws `usage`, `io` and `not-found` for
 * settings that cannot be right, and `unauthorized` where no credentials are found.
 */
export async function connectS3({ bucket, dialect, options, clock }: S3Place): Promise<S3Connection> {
  const agents = await makeAgents(options);
  try {
    const endpoint = await endpointOf(options, dialect);
    const region = await regionOf(options.region, endpoint);
    const { insecureHttp = false, environment } = options;
    const pathStyle = options.pathStyle ?? dialect.pathStyle;
    const url = bucketUrl({ bucket, endpoint, region, pathStyle, insecureHttp });
    const credentials = await awsCredentials({ environment, region: region.region, agents, clock });
    // Where there are none, nothing else is worth a try.
    await credentials();
    return { agents, region: region.region, url, credentials };
  } catch (error) {
    agents.close();
    throw awsError(error, `use bucket '${bucket}'`);
  }
}

async function endpointOf(options: S3Options, { name, needsEndpoint }: S3Dialect): Promise<URL | undefined> {
  const endpoint = options.endpoint ?? (await profileEndpoint("s3"));
  if (endpoint === undefined && needsEndpoint) {
    throw new AppError("usage", `a store of the kind ${name} needs an endpoint`, {
      hint: "add --endpoint https://host, or set AWS_ENDPOINT_URL",
    });
  }
  return endpointUrl({ ...options, endpoint });
}

async function regionOf(given: string | undefined, endpoint: URL | undefined): Promise<AwsRegion> {
  try {
    return await awsRegion(given);
  } catch (cause) {
    // Other servers than AWS mostly do not care, and know this name.
    if (endpoint !== undefined) return withoutVariants("us-east-1");
    const hint = "add --region, or set AWS_REGION";
    throw new AppError("usage", "the bucket's region is not known", { cause, hint });
  }
}
