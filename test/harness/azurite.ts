/** Azurite, Microsoft's own stand-in for Azure's Blob Storage, on this machine. */
import { type ServerProcess, startServer } from "./server-process.ts";
import { toolOrigins } from "./tool-origins.ts";
import { findTool, type Unavailable } from "./tools.ts";

export interface Azurite extends ServerProcess {
  /** For the process's environment. */
  readonly credentials: { readonly AZURE_STORAGE_ACCOUNT: string; readonly AZURE_STORAGE_KEY: string };
}

const account = "testaccount";
const key = Buffer.from("the key of the test account").toString("base64");

export interface AzuriteOptions {
  /** Files of a certificate for 127.0.0.1 and its key: it speaks HTTPS. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
}

/** Starts it, installing it first where it is missing. Stop it by disposing of it. */
export async function startAzurite({ tls }: AzuriteOptions = {}): Promise<Azurite | Unavailable> {
  const program = await findTool(toolOrigins.azurite);
  if (typeof program !== "string") return program;
  // Over TLS it takes tokens as well, whoever has made them.
  const secure = tls === undefined ? [] : ["--cert", tls.certificateFile, "--key", tls.keyFile, "--oauth", "basic"];
  const server = await startServer({
    command: (port, directory) => [
      ...[process.execPath, program, "--blobHost", "127.0.0.1", "--blobPort", String(port), "--location", directory],
      ...["--silent", "--disableTelemetry", ...secure],
    ],
    environment: { AZURITE_ACCOUNTS: `${account}:${key}` },
    scheme: tls === undefined ? "http" : "https",
  });
  return { ...server, credentials: { AZURE_STORAGE_ACCOUNT: account, AZURE_STORAGE_KEY: key } };
}

/** Where the account's containers are: it names the account in the path, since the host has no name. */
export function accountUrl(endpoint: string): string {
  return `${endpoint}/${account}`;
}

/** The other form in which an account and its key are given. */
export function connectionString(endpoint: string): string {
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${accountUrl(endpoint)};`;
}
