/** A server that says and reads what a test tells it to, byte for byte, and clients that ask it. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { AppError } from "../../src/errors.ts";
import {
  exchange,
  type HttpAgents,
  type HttpRequest,
  type HttpResponse,
  type HttpTimeouts,
  makeAgents,
  usualTimeouts,
} from "../../src/http/http.ts";
import type { Certificates } from "./certificates.ts";

/** One connection, seen by the server. */
export class Peer {
  readonly socket: Socket;
  /** What the server does with it is over. */
  served: Promise<void> = Promise.resolve();
  readonly #closed: Promise<void>;
  #held = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    // Clients that leave are what this is about.
    socket.on("error", () => undefined);
    for (const event of ["readable", "end", "close"]) socket.on(event, () => this.#wake?.());
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** The next request up to its body. Rejects where the client leaves before. */
  async head(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf("\r\n\r\n");
      if (end >= 0) return (await this.bytes(end + 4)).toString("latin1");
      await this.#more();
    }
  }

  async bytes(length: number): Promise<Buffer> {
    while (this.#held.length < length) await this.#more();
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }

  /** Takes and forgets what still comes, until the connection is over by whoever's doing. */
  async left(): Promise<void> {
    await this.served;
    this.socket.removeAllListeners("readable");
    this.socket.resume();
    await this.#closed;
  }

  write(...pieces: readonly (string | Uint8Array)[]): void {
    this.socket.write(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
  }

  async #more(): Promise<void> {
    for (;;) {
      const chunk: unknown = this.socket.read();
      if (chunk instanceof Buffer) {
        this.#held = Buffer.concat([this.#held, chunk]);
        return;
      }
      if (this.socket.destroyed || this.socket.readableEnded) throw new Error("the client has left");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export interface RawServer extends AsyncDisposable {
  readonly url: URL;
  /** All that there have been, in order. */
  readonly peers: readonly Peer[];
  /** The connection of this number, once it is there. */
  peer(index: number): Promise<Peer>;
}

export interface RawServerOptions {
  readonly host?: string;
  readonly certificates?: Certificates;
}

/** `serve` is called for each connection; where it fails, the connection is closed. */
export async function rawServer(
  serve: (peer: Peer, index: number) => Promise<void> | void,
  { host = "127.0.0.1", certificates }: RawServerOptions = {},
): Promise<RawServer> {
  const peers: Peer[] = [];
  const waiting = new Map<number, PromiseWithResolvers<Peer>>();
  const sockets = new Set<Socket>();
  const onConnection = (socket: Socket) => {
    const index = peers.length;
    const peer = new Peer(socket);
    peers.push(peer);
    waiting.get(index)?.resolve(peer);
    const served = async () => serve(peer, index);
    peer.served = served().catch(() => void socket.destroy());
  };
  const server: Server =
    certificates === undefined
      ? createServer(onConnection)
      : createTlsServer(
          { cert: await readFile(certificates.certificateFile), key: await readFile(certificates.keyFile) },
          onConnection,
        );
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const scheme = certificates === undefined ? "http" : "https";
  return {
    url: new URL(`${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`),
    peers,
    peer: (index) => {
      const there = peers[index];
      if (there !== undefined) return Promise.resolve(there);
      const waits = waiting.get(index) ?? Promise.withResolvers<Peer>();
      waiting.set(index, waits);
      return waits.promise;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Answers each request of a connection by the same, once its body of so many bytes has come. */
export function answering(answer: string, bodyBytes = 0): (peer: Peer) => Promise<void> {
  return async (peer) => {
    for (;;) {
      await peer.head();
      await peer.bytes(bodyBytes);
      peer.write(answer);
    }
  };
}

export interface Asked extends Partial<Omit<HttpRequest, "url">> {
  readonly timeouts?: Partial<HttpTimeouts>;
}

export interface HttpAsker extends Disposable {
  readonly agents: HttpAgents;
  /** Refusals are `storage` with status and text in their message, broken connections `unreachable`. */
  ask(url: URL, asked?: Asked): Promise<HttpResponse>;
}

export async function httpAsker(settings: Parameters<typeof makeAgents>[0] = {}): Promise<HttpAsker> {
  const agents = await makeAgents(settings);
  return {
    agents,
    ask: (url, { timeouts, ...asked } = {}) =>
      exchange(
        { method: asked.frames === undefined ? "GET" : "PUT", url, path: "/k", headers: {}, ...asked },
        {
          what: "test",
          agents,
          timeouts: { ...usualTimeouts, ...timeouts },
          serviceError: (status, _, text) => new AppError("storage", `${status} ${text}`),
          failure: (cause) =>
            cause instanceof AppError ? cause : new AppError("unreachable", String(cause), { cause }),
        },
      ),
    [Symbol.dispose]: () => agents.close(),
  };
}

/** The body of an answer. */
export async function bodyOf({ stream }: HttpResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** A body to send, with the header that tells its length. */
export function sent(...pieces: readonly (string | Uint8Array)[]): Pick<HttpRequest, "headers" | "frames"> {
  const frames = pieces.map((piece) => Buffer.from(piece));
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  return {
    headers: { "content-length": String(length) },
    frames: (async function* () {
      yield* frames;
    })(),
  };
}
