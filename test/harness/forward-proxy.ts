/** A proxy as operators have them: HTTP requests with the whole address in them, tunnels for HTTPS, and a password. */
import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { listening } from "./listening.ts";

export interface ForwardProxy extends AsyncDisposable {
  readonly port: number;
  /** "GET http://host/path" and "CONNECT host:port", in the order in which they came. */
  readonly asked: readonly string[];
}

export async function forwardProxy(login: {
  readonly username: string;
  readonly password: string;
}): Promise<ForwardProxy> {
  const asked: string[] = [];
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    if (incoming.headers["proxy-authorization"] !== expected) {
      outgoing.writeHead(407).end();
      return;
    }
    const forwarded = httpRequest(incoming.url ?? "", { method: incoming.method ?? "GET", headers: incoming.headers });
    forwarded.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.on("connect", (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    if (incoming.headers["proxy-authorization"] !== expected) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const [host = "", port] = (incoming.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(target).pipe(socket);
    });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
    socket.on("close", () => target.destroy());
  });
  const { port } = await listening(server);
  return {
    port,
    asked,
    // Tunnels are left to their ends.
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
