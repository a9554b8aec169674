/** A proxy that stands for the way to AWS: every tunnel that is asked of it ends at one server on this machine. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";

export interface AwsTunnel extends AsyncDisposable {
  readonly port: number;
}

export async function awsTunnel(target: { readonly port: number }): Promise<AwsTunnel> {
  const server = createServer((_, outgoing) => void outgoing.writeHead(501).end());
  server.on("connect", (_, socket) => {
    const ahead = connect(target.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(ahead).pipe(socket);
    });
    ahead.on("error", () => socket.destroy());
    socket.on("error", () => ahead.destroy());
    socket.on("close", () => ahead.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
