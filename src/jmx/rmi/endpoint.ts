import type { SecureContext } from "node:tls";
import { formatAddress } from "../service-url.ts";

/** Where a server exports objects. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Undefined for plain TCP. */
  readonly tls: TlsSettings | undefined;
}

export interface TlsSettings {
  readonly context: SecureContext;
  /** Whether the certificate must be for the host connected to. */
  readonly verifyHostname: boolean;
}

export function endpointName(endpoint: Endpoint): string {
  return formatAddress(endpoint);
}
