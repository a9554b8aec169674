/** Options of the Azure driver: the endpoint of the account, the credentials, and the settings of new blobs. */
import { AppError } from "../../errors.ts";
import { checkKey } from "../keys.ts";
import { endpointUrl, isPrivate, type StoreOptions } from "../remote/store-options.ts";

export interface AzureAccount {
  /** The account's own: a container and a key are appended to its path. */
  readonly url: URL;
  readonly credential: AzureCredential;
}

export type AzureCredential =
  | { readonly kind: "key"; readonly account: string; readonly key: string }
  /** A shared access signature: parameters for every URL, without the question mark. */
  | { readonly kind: "sas"; readonly token: string }
  /** Of the machine, the workload or a service principal: asked for a token when there is something to do. */
  | { readonly kind: "identity" };

const variables = {
  connectionString: "AZURE_STORAGE_CONNECTION_STRING",
  account: "AZURE_STORAGE_ACCOUNT",
  key: "AZURE_STORAGE_KEY",
  sas: "AZURE_STORAGE_SAS_TOKEN",
} as const;

const whereToSay = `set ${variables.connectionString}, or ${variables.account} with ${variables.key} or ${variables.sas}; ${variables.account} alone uses the machine's identity`;

/** Throws `usage` for what contradicts itself or cannot be read, and `unauthorized` where there is nothing to go by. */
export function findAccount(options: StoreOptions): AzureAccount {
  const { environment = {} } = options;
  const given = (name: string) => environment[name]?.trim() ?? "";
  const account = given(variables.account);
  const proofs = [variables.connectionString, variables.key, variables.sas].filter((name) => given(name) !== "");
  const [proof, second] = proofs;
  if (second !== undefined) {
    throw new AppError("usage", `${proof} and ${second} are both set`, { hint: `unset one of ${proofs.join(", ")}` });
  }
  if (proof === variables.connectionString) return ofConnectionString(given(proof), options);
  if (account === "" && (proof === variables.key || options.endpoint === undefined)) {
    throw new AppError("unauthorized", "no credentials for Azure were found", { hint: whereToSay });
  }
  const url = serviceUrl(options, { account });
  if (proof === variables.key) return { url, credential: keyCredential(account, given(proof), proof) };
  if (proof === variables.sas) return { url, credential: sasCredential(given(proof), url) };
  if (url.protocol === "http:") {
    throw new AppError("usage", "an identity's token would go over HTTP", {
      hint: `reach the store over HTTPS, or set ${variables.key}`,
    });
  }
  return { url, credential: { kind: "identity" } };
}

/** "Name=value;Name=value": a value may hold further "=". */
function ofConnectionString(text: string, options: StoreOptions): AzureAccount {
  const pairs = text
    .split(";")
    .filter((pair) => pair.trim() !== "")
    .map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, Math.max(at, 0)).trim().toLowerCase(), pair.slice(at + 1).trim()];
    });
  const parts = new Map(pairs);
  const part = (name: string) => parts.get(name.toLowerCase()) ?? "";
  const account = part("AccountName");
  const blobEndpoint = part("BlobEndpoint");
  const [key, sas] = [part("AccountKey"), part("SharedAccessSignature")];
  const proved = key === "" ? sas !== "" : account !== "";
  if (!proved || (account === "" && blobEndpoint === "" && options.endpoint === undefined)) {
    // Never said: what it holds.
    throw new AppError("usage", `${variables.connectionString} is not complete`, {
      hint: "it has AccountName and AccountKey, or BlobEndpoint and SharedAccessSignature; the portal shows it whole",
    });
  }
  const http = part("DefaultEndpointsProtocol").toLowerCase() === "http";
  const url = serviceUrl(options, { account, blobEndpoint, http, suffix: part("EndpointSuffix") });
  return { url, credential: key === "" ? sasCredential(sas, url) : keyCredential(account, key, "AccountKey") };
}

interface Place {
  readonly account: string;
  readonly blobEndpoint?: string | undefined;
  readonly http?: boolean | undefined;
  readonly suffix?: string | undefined;
}

function serviceUrl(options: StoreOptions, { account, blobEndpoint = "", http = false, suffix = "" }: Place): URL {
  const told = endpointUrl(options) ?? (blobEndpoint === "" ? undefined : endpointUrl({ endpoint: blobEndpoint }));
  if (told !== undefined) return told;
  const scheme = http || options.insecureHttp === true ? "http" : "https";
  const host = `${account}.blob.${suffix === "" ? "core.windows.net" : suffix}`;
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(host)) {
    throw new AppError("usage", `'${account}' is not the name of a storage account`, {
      hint: "it has lower-case letters and digits, and no dots or slashes",
    });
  }
  return new URL(`${scheme}://${host}/`);
}

function keyCredential(account: string, key: string, name: string): AzureCredential {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key)) return { kind: "key", account, key };
  throw new AppError("usage", `${name} is not a key`, { hint: "a key is base64, as the portal shows it" });
}

/** The signature is in every URL: who reads one on the way can do all that it permits. */
function sasCredential(token: string, url: URL): AzureCredential {
  if (!isPrivate(url)) {
    throw new AppError("usage", "the shared access signature would be sent over plain HTTP", {
      hint: `use HTTPS: leave out --insecure-http and http:// in the endpoint, or use ${variables.key}`,
    });
  }
  const text = token.replace(/^\?/, "");
  if (new URLSearchParams(text).has("sig")) return { kind: "sas", token: text };
  throw new AppError("usage", "the shared access signature has no signature", {
    hint: `${variables.sas} looks like sv=…&sig=…, as the portal shows it`,
  });
}

/** Tiers whose blobs can be read at once. */
const tiers = ["Hot", "Cool", "Cold"] as const;
export type AccessTier = (typeof tiers)[number];

/** Throws `usage` for any other class. */
export function accessTier({ storageClass }: StoreOptions): AccessTier | undefined {
  if (storageClass === undefined) return undefined;
  const tier = tiers.find((name) => name.toLowerCase() === storageClass.toLowerCase());
  if (tier !== undefined) return tier;
  throw new AppError("usage", `'${storageClass}' is not an access tier that can be read at once`, {
    hint: `write ${tiers.join(", ")}`,
  });
}

/** As the store has it for the names and values of its index. */
const tagPattern = /^[A-Za-z0-9 +./:=_-]*$/;

/** Throws `usage` for tags that the store would refuse with every object. */
export function checkTags({ tags = {} }: StoreOptions): void {
  for (const [name, value] of Object.entries(tags)) {
    if (tagPattern.test(name + value)) continue;
    throw new AppError("usage", `'${name}=${value}' is not a tag that Azure takes`, {
      hint: "it has letters without accents, digits, blanks and + - . / : = _",
    });
  }
}

/** Throws `usage` for keys that the store would take for others: it ends no part of a name with a dot. */
export function checkBlobKey(key: string): void {
  checkKey(key);
  if (!key.includes("\\") && !/\.(\/|$)/.test(key)) return;
  throw new AppError("usage", `'${key}' is no name for a blob`, {
    hint: "Azure takes a backslash for a slash, and leaves out a dot at the end of a part",
  });
}
