import type { Clock } from "../clock.ts";
import { orAborted, withDeadline } from "../concurrency/concurrency.ts";
import type { HttpAgents } from "../http/http.ts";
import type { SigningIdentity } from "./sign.ts";

export interface CredentialsOptions {
  /** Variables of Esop; AWS's own are read by the library. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Of the service; STS is asked in it where no profile names another. */
  readonly region: string;
  readonly agents: HttpAgents;
  readonly clock: Clock;
}

/** Gives valid credentials at any time, for one request. */
export type Credentials = (signal?: AbortSignal) => Promise<SigningIdentity>;

const connectMs = 15_000;
const credentialsMs = 60_000;
/** Before they expire; the library does not renew earlier. */
const renewedBeforeMs = 5 * 60_000;

/**
 * Esop's variables, or AWS's default chain: variables, profile (SSO, roles, processes), web identity, container, machine.
 * Requests to STS and SSO go through the proxy and trust the operator's authorities; those to the machine and the
 * container, which never leave it, do not. The library renews what expires.
 */
export async function awsCredentials(options: CredentialsOptions): Promise<Credentials> {
  const { environment, region, agents, clock } = options;
  const fixed = esopCredentials(environment);
  if (fixed !== undefined) return async () => fixed;
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  const requestHandler = { httpAgent: agents.http, httpsAgent: agents.https, connectionTimeout: connectMs };
  const provide = defaultProvider({ clientConfig: { requestHandler }, parentClientConfig: { region } });
  let current: Awaited<ReturnType<typeof provide>> | undefined;
  const isValid = (expiration: Date | undefined) =>
    expiration === undefined || expiration.getTime() - clock.now() > renewedBeforeMs;
  return async (outer) => {
    // The library caches them as well, but asks through several promises and a deadline for each request.
    if (current !== undefined && isValid(current.expiration)) return current;
    using signal = withDeadline(credentialsMs, outer, "the request for credentials", clock);
    current = await orAborted(provide(), signal);
    return current;
  };
}

/** The credentials of Esop's own variables; undefined where AWS's chain finds them by itself. */
export function esopCredentials(
  environment: Readonly<Record<string, string | undefined>> = {},
): SigningIdentity | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = "",
    AWS_SECRET_ACCESS_KEY: standard = "",
    AWS_SECRET_KEY: secretAccessKey = "",
    AWS_SESSION_TOKEN: sessionToken = "",
  } = environment;
  if (accessKeyId === "" || standard !== "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken === "" ? undefined : sessionToken };
}
