import { readFile } from "node:fs/promises";
import { AppError, fileError } from "../errors.ts";
import { connectJmx, isConnectionRefused, type JmxOptions, parseServiceUrl } from "../jmx/jmx.ts";
import type { JmxSettings } from "../request/request.ts";
import { CassandraNode } from "./node.ts";

export interface ConnectOptions {
  /** Bound for calls that last as long as their work: snapshots, imports, truncates. */
  readonly longCallTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Connects to the node's JMX. Throws as connectJmx does, and `not-found` for a credentials file that is not there. */
export async function connectNode(settings: JmxSettings, options: ConnectOptions): Promise<CassandraNode> {
  const connection = await connectJmx(await jmxOptions(settings, options.signal));
  return new CassandraNode(connection, options.longCallTimeoutMs);
}

/** As {@link connectNode}; undefined when nothing at all listens at the address, that is, when the node is down. */
export async function findNode(settings: JmxSettings, options: ConnectOptions): Promise<CassandraNode | undefined> {
  try {
    return await connectNode(settings, options);
  } catch (error) {
    if (isConnectionRefused(error)) return undefined;
    throw error;
  }
}

async function jmxOptions(settings: JmxSettings, signal: AbortSignal): Promise<JmxOptions> {
  const file =
    settings.credentialsFile === undefined ? new Map<string, string>() : await readProperties(settings.credentialsFile);
  const username = settings.user ?? file.get("username");
  const password = settings.password ?? file.get("password");
  if ((username === undefined) !== (password === undefined)) {
    throw new AppError("usage", "JMX credentials need both a user and a password", {
      hint: "give --jmx-user and --jmx-password, or both `username` and `password` in --jmx-credentials",
    });
  }
  const truststore = storeFile(settings.truststore, settings.truststorePassword ?? file.get("truststorePassword"));
  const keystore = storeFile(settings.keystore, settings.keystorePassword ?? file.get("keystorePassword"));
  return {
    target: parseServiceUrl(settings.service),
    credentials: username === undefined || password === undefined ? undefined : { username, password },
    tls:
      truststore === undefined && keystore === undefined && !settings.clientAuth ? undefined : { truststore, keystore },
    signal,
  };
}

function storeFile(path: string | undefined, password: string | undefined) {
  return path === undefined ? undefined : { path, password };
}

/** A Java properties file, as far as credentials need it: `name=value` or `name: value` lines, `#` and `!` comments. */
async function readProperties(path: string): Promise<Map<string, string>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw fileError(error, `read the JMX credentials ${path}`);
  }
  const properties = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:]?\s*(.*)$/.exec(line);
    const [, name, value = ""] = match ?? [];
    if (name !== undefined) properties.set(name, value.replace(/\\(.)/g, "$1"));
  }
  return properties;
}
