/**
 * A JMX client over RMI, without a Java machine: it speaks RMI's wire protocol and Java's object serialization itself.
 * It knows the agent's protocol and nothing of who runs the agent. Every connect and call has a bound and can be
 * cancelled, memory is bounded by what really arrives, idle connections do not keep the process alive, and everything
 * thrown is an AppError (see JmxConnection).
 */

import { RmiJmxConnection } from "./connection.ts";
import type { JmxConnection, JmxOptions } from "./contract.ts";
import type { TlsSettings } from "./rmi/endpoint.ts";

export type {
  JmxCallOptions,
  JmxConnection,
  JmxCredentials,
  JmxInvokeOptions,
  JmxOptions,
  JmxTls,
  MBeanAttribute,
  MBeanInfo,
  MBeanOperation,
} from "./contract.ts";
export { isAbsentInRemote, isConnectionRefused, RemoteJavaError, remoteException } from "./errors.ts";
export { formatAddress, type JmxTarget, parseServiceUrl } from "./service-url.ts";
export type { StoreFile } from "./tls/store.ts";
export { isJmxObject, type JmxArgument, type JmxObject, type JmxValue, jmx } from "./values.ts";

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
