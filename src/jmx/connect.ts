import { RmiJmxConnection } from "./connection.ts";
import type { JmxConnection, JmxOptions } from "./contract.ts";
import type { TlsSettings } from "./rmi/endpoint.ts";

/**
 * Connects and logs in. Throws `unreachable` (isConnectionRefused tells whether nothing listens there), `timeout`,
 * `unauthorized` (credentials, certificates), `protocol` (something else listens there), `cancelled`.
 */
export async function connectJmx(options: JmxOptions): Promise<JmxConnection> {
  return RmiJmxConnection.open(
    {
      target: options.target,
      credentials: options.credentials,
      tls: await tlsSettings(options),
      registryTls: options.tls?.registry ?? true,
      followStubHost: options.followStubHost ?? false,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      callTimeoutMs: options.callTimeoutMs ?? 60_000,
      keepaliveMs: options.keepaliveMs ?? 60_000,
    },
    options.signal,
  );
}

/** Loaded only when asked for: most nodes are reached over the loopback, in plain. */
async function tlsSettings({ tls }: JmxOptions): Promise<TlsSettings | undefined> {
  if (tls === undefined) return undefined;
  const { loadTls } = await import("./tls/load-tls.ts");
  return loadTls(tls);
}
