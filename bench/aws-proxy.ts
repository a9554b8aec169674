/** A proxy that stands for the way to AWS: whatever is asked of it goes to one server on this machine, and is counted. */
import { once } from "node:events";
import { Agent, createServer, request as httpRequest } from "node:http";

export interface AwsProxy extends AsyncDisposable {
  readonly port: number;
  /** The requests since the last call, by method and what they ask for. */
  takeCounts(): ReadonlyMap<string, number>;
}

export async function awsProxy(target: { readonly port: number }): Promise<AwsProxy> {
  let counts = new Map<string, number>();
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "");
    const kind = `${incoming.method} ${kindOf(url)}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const { "proxy-connection": _, expect: __, ...headers } = incoming.headers;
    const path = `${url.pathname}${url.search}`;
    // The host stays as it is: it is signed, and names the bucket.
    const to = { host: "127.0.0.1", port: target.port, agent, method: incoming.method ?? "GET", path, headers };
    const forwarded = httpRequest(to);
    forwarded.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    takeCounts: () => {
      const taken = counts;
      counts = new Map();
      return taken;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}

function kindOf({ pathname, searchParams }: URL): string {
  if (searchParams.has("list-type") || searchParams.has("prefix")) return "list";
  if (searchParams.has("partNumber")) return "part";
  if (searchParams.has("uploads") || searchParams.has("uploadId")) return "upload";
  if (searchParams.has("tagging")) return "tagging";
  if (searchParams.has("acl")) return "acl";
  return pathname === "/" ? "bucket" : "object";
}
