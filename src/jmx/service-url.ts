import { AppError } from "../errors.ts";

/** Where the RMI registry listens, and the name JMX has in it. */
export interface JmxTarget {
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

const defaults: JmxTarget = { host: "127.0.0.1", port: 7199, name: "jmxrmi" };
const urlPattern = /^service:jmx:rmi:\/\/[^/]*\/jndi\/rmi:\/\/([^/]*)\/([^/\s]+)$/;
const addressPattern = /^(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[^\s:/[\]]*)(?::(\d{1,5}))?$/i;

/**
 * "10.0.0.1", "10.0.0.1:7199", ":7199", "[::1]:7199" or "service:jmx:rmi:///jndi/rmi://10.0.0.1:7199/jmxrmi"; what is
 * left out is 127.0.0.1, 7199 and jmxrmi. Throws `usage`.
 */
export function parseServiceUrl(text: string): JmxTarget {
  const url = urlPattern.exec(text.trim());
  const address = addressPattern.exec(url?.[1] ?? text.trim());
  const port = address?.[2] === undefined ? defaults.port : Number(address[2]);
  if (address === null || port < 1 || port > 65535) {
    throw new AppError("usage", `'${text}' is not a jmx address`, {
      hint: "write HOST:PORT, or service:jmx:rmi:///jndi/rmi://HOST:PORT/jmxrmi",
    });
  }
  const host = address[1]?.replace(/^\[|\]$/g, "") ?? "";
  return { host: host === "" ? defaults.host : host, port, name: url?.[2] ?? defaults.name };
}

/** "127.0.0.1:7199", "[::1]:7199". */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
