import { connect } from "node:net";

/** Where a node listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Long enough for an address of this machine. */
const connectTimeoutMs = 2000;

/** The first of the addresses that accepts a connection; undefined where none does. */
export async function findListening(addresses: readonly ListenAddress[]): Promise<ListenAddress | undefined> {
  for (const address of addresses) if (await acceptsConnection(address)) return address;
  return undefined;
}

function acceptsConnection({ host, port }: ListenAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(connectTimeoutMs, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
