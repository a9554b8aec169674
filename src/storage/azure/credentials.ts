/** Authentication of requests: by an account key, a shared access signature, or a token of an identity. */
import type { AccessToken, TokenCredential } from "@azure/identity";
import type { Clock } from "../../clock.ts";
import { orAborted, withDeadline } from "../../concurrency/concurrency.ts";
import { AppError } from "../../errors.ts";
import type { Operation } from "../../http/http.ts";
import type { StoreOptions } from "../remote/store-options.ts";
import { tokenError } from "./errors.ts";
import type { AzureCredential } from "./options.ts";
import { type KeySignable, keySignature } from "./sign.ts";

/** Additions to a request. */
export interface Authorization {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Encoded parameters, which are not signed. */
  readonly query?: string | undefined;
}

/** Authorizes one request. Throws `unauthorized` where no token is to be had. */
export type Authorize = (
  request: KeySignable,
  operation: Operation,
  signal: AbortSignal | undefined,
) => Promise<Authorization>;

/** Asks nobody for anything yet. Throws `usage` for an identity that is not complete. */
export function authorizeBy(
  credential: AzureCredential,
  environment: StoreOptions["environment"],
  clock: Clock,
): Authorize {
  switch (credential.kind) {
    case "key": {
      const { account } = credential;
      const key = Buffer.from(credential.key, "base64");
      return async (request) => ({ headers: { authorization: keySignature(request, account, key) } });
    }
    case "sas":
      return async () => ({ query: credential.token });
    case "identity": {
      const tokens = new IdentityTokens(identityIn(environment), clock);
      return async (_request, operation, signal) => ({
        headers: { authorization: `Bearer ${await tokens.get(operation, signal)}` },
      });
    }
  }
}

const tokenScope = "https://storage.azure.com/.default";
/** A token must outlive the request that it goes with. */
const renewedBeforeMs = 5 * 60_000;
const tokenMs = 30_000;

class IdentityTokens {
  readonly #load: LoadIdentity;
  readonly #clock: Clock;
  #identity: Promise<TokenCredential> | undefined;
  #current: AccessToken | undefined;
  /** Requests that begin together share one token. */
  #asked: Promise<AccessToken> | undefined;

  constructor(load: LoadIdentity, clock: Clock) {
    this.#load = load;
    this.#clock = clock;
  }

  async get(operation: Operation, signal: AbortSignal | undefined): Promise<string> {
    if (this.#current !== undefined && this.#current.expiresOnTimestamp - this.#clock.now() >= renewedBeforeMs) {
      return this.#current.token;
    }
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    try {
      // Only the caller whose signal is aborted stops waiting: the others may still need the token.
      this.#current = await orAborted(this.#asked, signal);
      return this.#current.token;
    } catch (error) {
      throw tokenError(error, operation, signal);
    }
  }

  async #ask(): Promise<AccessToken> {
    using signal = withDeadline(tokenMs, undefined, "asking for a token", this.#clock);
    this.#identity ??= this.#load();
    const identity = await this.#identity;
    // On machines without an identity nobody may answer, and not every kind of credential heeds the signal.
    const token = await orAborted(identity.getToken(tokenScope, { abortSignal: signal }), signal);
    if (token === null) throw new AppError("unauthorized", "the identity gave no token");
    return token;
  }
}

type LoadIdentity = () => Promise<TokenCredential>;

/**
 * A service principal, a workload with a token in a file, or else the machine, by the variables of Azure's own tools.
 * The library is loaded with the first token: it takes a quarter of a second.
 */
function identityIn(environment: StoreOptions["environment"] = {}): LoadIdentity {
  const {
    AZURE_TENANT_ID: tenantId = "",
    AZURE_CLIENT_ID: clientId = "",
    AZURE_CLIENT_SECRET: secret = "",
    AZURE_FEDERATED_TOKEN_FILE: tokenFilePath = "",
    AZURE_AUTHORITY_HOST: authority = "",
  } = environment;
  const isNamed = tenantId !== "" && clientId !== "";
  if ((secret !== "" || tokenFilePath !== "") && !isNamed) {
    throw new AppError("usage", "the identity is not complete", {
      hint: "set AZURE_TENANT_ID and AZURE_CLIENT_ID, too",
    });
  }
  const options = authority === "" ? {} : { authorityHost: authority };
  return async () => {
    const sdk = await import("@azure/identity");
    if (secret !== "") return new sdk.ClientSecretCredential(tenantId, clientId, secret, options);
    if (tokenFilePath !== "") {
      return new sdk.WorkloadIdentityCredential({ ...options, tenantId, clientId, tokenFilePath });
    }
    return new sdk.ManagedIdentityCredential(clientId === "" ? options : { ...options, clientId });
  };
}
