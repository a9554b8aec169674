/** Connections to servers: kept alive, through a proxy where one is asked for, and trusting whom the operator trusts. */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { rootCertificates } from "node:tls";
import { AppError, fileError } from "../errors.ts";
import { Connections } from "./connections.ts";
import type { HttpProxy } from "./proxy.ts";

export interface HttpSettings {
  readonly proxy?: HttpProxy | undefined;
  /** PEM file with certificates to trust beside the well-known ones. */
  readonly caFile?: string | undefined;
}

export interface HttpAgents {
  /** For libraries, as `connections` is for requests of our own. */
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  readonly connections: Connections;
  /** Ends every connection, those in use as well. */
  close(): void;
}

/** Throws `io` and `not-found` for the file of certificates. */
export async function makeAgents({ proxy, caFile }: HttpSettings): Promise<HttpAgents> {
  const proxyEnv = proxy === undefined ? {} : { proxyEnv: proxyVariables(proxy) };
  const trust = caFile === undefined ? {} : { ca: [...rootCertificates, await readPem(caFile)] };
  const http = new HttpAgent({ keepAlive: true, ...proxyEnv });
  const https = new HttpsAgent({ keepAlive: true, ...proxyEnv, ...trust });
  const connections = new Connections({ https, trust, proxy });
  return {
    http,
    https,
    connections,
    close: () => {
      connections.close();
      http.destroy();
      https.destroy();
    },
  };
}

async function readPem(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, `read ${path}`);
  });
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new AppError("usage", `${path} holds no certificate`, { hint: "it must be a PEM file" });
}

/** The form in which Node's agents take a proxy. */
function proxyVariables({ protocol, host, port, username, password }: HttpProxy): Record<string, string> {
  const login = username === undefined ? "" : `${encodeURIComponent(username)}:${encodeURIComponent(password ?? "")}@`;
  const url = `${protocol.toLowerCase()}://${login}${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { HTTP_PROXY: url, HTTPS_PROXY: url };
}
