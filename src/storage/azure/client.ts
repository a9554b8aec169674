/** The SDK, as the driver uses it: for identities, and for all requests that carry no object. */
import type { Agent } from "node:http";
import type { AccessToken } from "@azure/identity";
import {
  AnonymousCredential,
  ContainerClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import type { Clock } from "../../clock.ts";
import { orAborted, withDeadline } from "../../concurrency/concurrency.ts";
import { AppError } from "../../errors.ts";
import { type HttpAgents, makeAgents } from "../../http/http.ts";
import type { StoreOptions } from "../remote/store-options.ts";
import { type AzureAccount, findAccount } from "./options.ts";
import { keySignature } from "./sign.ts";
import type { Authorize } from "./wire.ts";

export interface AzureConnection {
  readonly client: ContainerClient;
  readonly agents: HttpAgents;
  /** The container's own: a key is appended to its path. */
  readonly url: URL;
  readonly authorize: Authorize;
}

type SdkCredential = NonNullable<Parameters<typeof newPipeline>[0]>;

interface Proof {
  readonly sdk: SdkCredential;
  readonly authorize: Authorize;
}

const tokenScope = "https://storage.azure.com/.default";
/** A token must outlive the request that it goes with. */
const renewedBeforeMs = 5 * 60_000;
const tokenMs = 30_000;

/** Prepares everything without asking the store. Throws `usage`, `unauthorized`, `io` and `not-found`. */
export async function connectAzure(container: string, options: StoreOptions, clock: Clock): Promise<AzureConnection> {
  const account = findAccount(options);
  const { sdk, authorize } = await proofOf(account, options.environment, clock);
  const agents = await makeAgents(options);
  const url = new URL(account.url);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${encodeURIComponent(container)}`;
  const pipeline: StoragePipelineOptions & { readonly agent: Agent } = {
    // Tries are counted outside, where sources can be rewound.
    retryOptions: { maxTries: 1 },
    agent: url.protocol === "https:" ? agents.https : agents.http,
  };
  const query = account.credential.kind === "sas" ? `?${account.credential.token}` : "";
  const client = new ContainerClient(`${url.href}${query}`, newPipeline(sdk, pipeline));
  return { client, agents, url, authorize };
}

async function proofOf(
  { credential }: AzureAccount,
  environment: StoreOptions["environment"],
  clock: Clock,
): Promise<Proof> {
  switch (credential.kind) {
    case "key": {
      const { account } = credential;
      const key = Buffer.from(credential.key, "base64");
      return {
        sdk: new StorageSharedKeyCredential(account, credential.key),
        authorize: async (request) => ({ headers: { authorization: keySignature(request, account, key) } }),
      };
    }
    case "sas":
      return { sdk: new AnonymousCredential(), authorize: async () => ({ query: credential.token }) };
    case "identity": {
      const identity = await findIdentity(environment);
      let current: AccessToken | undefined;
      const authorize: Authorize = async (_request, outer) => {
        if (current === undefined || current.expiresOnTimestamp - clock.now() < renewedBeforeMs) {
          using signal = withDeadline(tokenMs, outer, "asking for a token", clock);
          // Machines without an identity may have nobody who answers, and not every way to a token heeds the signal.
          current = await orAborted(identity.getToken(tokenScope, { abortSignal: signal }), signal);
        }
        return { headers: { authorization: `Bearer ${current.token}` } };
      };
      return { sdk: identity, authorize };
    }
  }
}

/** A service principal, a workload with a token in a file, or else the machine; in the variables of Azure's own tools. */
async function findIdentity(environment: StoreOptions["environment"] = {}) {
  const { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } = await import(
    "@azure/identity"
  );
  const {
    AZURE_TENANT_ID: tenantId = "",
    AZURE_CLIENT_ID: clientId = "",
    AZURE_CLIENT_SECRET: secret = "",
    AZURE_FEDERATED_TOKEN_FILE: tokenFilePath = "",
    AZURE_AUTHORITY_HOST: authority = "",
  } = environment;
  const options = authority === "" ? {} : { authorityHost: authority };
  const isNamed = tenantId !== "" && clientId !== "";
  if (secret !== "" && isNamed) return new ClientSecretCredential(tenantId, clientId, secret, options);
  if (tokenFilePath !== "" && isNamed) {
    return new WorkloadIdentityCredential({ ...options, tenantId, clientId, tokenFilePath });
  }
  if (secret !== "" || tokenFilePath !== "") {
    throw new AppError("usage", "the identity is not complete", {
      hint: "set AZURE_TENANT_ID and AZURE_CLIENT_ID, too",
    });
  }
  return new ManagedIdentityCredential(clientId === "" ? options : { ...options, clientId });
}
