import { once } from "node:events";
import type { Server } from "node:http";

/** A server of the test's own process on a free port of 127.0.0.1, gone at the end of the block. */
export interface Listening extends AsyncDisposable {
  /** "http://127.0.0.1:1234". */
  readonly address: string;
  readonly port: number;
}

export async function listening(server: Server): Promise<Listening> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const found = server.address();
  if (found === null || typeof found === "string") throw new Error("no port");
  return {
    address: `http://127.0.0.1:${found.port}`,
    port: found.port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
