/** Stands between a client and an HTTP server: notes every request, and spoils those that it is told to. */
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { listening } from "./listening.ts";

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export type Spoil =
  /** Answers without asking the server. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  /** One bit of the request's body is another at the server, or one of the answer's at the client. */
  | { readonly kind: "flip" | "flip-answer"; readonly at: number }
  /** The server does it all; the client is cut off without an answer. */
  | { readonly kind: "lose-answer" }
  /** The connection ends before anything is done. */
  | { readonly kind: "reset" }
  /** Never answers. */
  | { readonly kind: "silence" }
  /** The answer's body stops after so many bytes: the connection ends, or nothing more comes. */
  | { readonly kind: "cut" | "stall"; readonly after: number };

export interface SpoilingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** In the order in which they came. */
  readonly seen: readonly SeenRequest[];
  /** The requests from now on are spoiled as this says; until it is told otherwise. */
  spoil(how: (request: SeenRequest) => Spoil | undefined): void;
  /** The next request that fits is spoiled, and no other. */
  spoilOne(fits: (request: SeenRequest) => boolean, spoil: Spoil): void;
  forget(): void;
  /** The server has answered all that it was asked in full, whether or not a client is still there to hear it. */
  settled(): Promise<void>;
}

export async function spoilingProxy(target: { readonly port: number }): Promise<SpoilingProxy> {
  const seen: SeenRequest[] = [];
  const underWay = new Set<Promise<unknown>>();
  let choose: (request: SeenRequest) => Spoil | undefined = () => undefined;
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => {
    const noted = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers };
    const { socket } = incoming;
    seen.push(noted);
    const forwarding = forward(incoming, outgoing, { port: target.port, agent, spoil: choose(noted) })
      .catch(() => socket.destroy())
      .finally(() => underWay.delete(forwarding));
    underWay.add(forwarding);
  });
  const there = await listening(server);
  return {
    endpoint: there.address,
    seen,
    spoil: (how) => {
      choose = how;
    },
    spoilOne: (fits, spoil) => {
      let done = false;
      choose = (request) => {
        if (done || !fits(request)) return undefined;
        done = true;
        return spoil;
      };
    },
    forget: () => {
      seen.length = 0;
    },
    settled: async () => {
      await Promise.all(underWay);
    },
    [Symbol.asyncDispose]: async () => {
      await there[Symbol.asyncDispose]();
      agent.destroy();
    },
  };
}

interface Forwarding {
  readonly port: number;
  readonly agent: Agent;
  readonly spoil: Spoil | undefined;
}

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, { port, agent, spoil }: Forwarding) {
  if (spoil?.kind === "silence") return;
  if (spoil?.kind === "reset") {
    incoming.socket.resetAndDestroy();
    return;
  }
  if (spoil?.kind === "answer") {
    incoming.resume();
    // Only a server that refuses answers before it has heard it all.
    if (spoil.status < 400) await once(incoming, "end");
    outgoing.writeHead(spoil.status, spoil.headers).end(spoil.body ?? "");
    return;
  }
  const { expect: _, ...headers } = incoming.headers;
  const options = { host: "127.0.0.1", port, agent, method: incoming.method, path: incoming.url, headers };
  const request = httpRequest({ ...options, method: incoming.method ?? "GET", path: incoming.url ?? "/" });
  request.on("error", () => undefined);
  const answered = once(request, "response");
  const ended = answered.then(
    () => undefined,
    () => undefined,
  );
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  let at = 0;
  try {
    for await (const chunk of incoming) {
      const bytes: Buffer = chunk;
      if (spoil?.kind === "flip") flip(bytes, spoil.at - at);
      at += bytes.length;
      // A server that answers early wants no more, and the client has to be heard to its end all the same.
      if (!isEnded && !request.write(bytes)) await Promise.race([once(request, "drain"), ended]);
    }
  } catch (error) {
    // The client has gone away midway: the server gets no more than that part, and sees it end.
    request.destroy();
    throw error;
  }
  request.end();
  const [answer]: IncomingMessage[] = await answered;
  if (answer === undefined) throw new Error("no answer");
  await giveBack(answer, outgoing, spoil);
}

function flip(bytes: Buffer, index: number): void {
  if (index >= 0 && index < bytes.length) bytes[index] = (bytes[index] ?? 0) ^ 1;
}

async function giveBack(answer: IncomingMessage, outgoing: ServerResponse, spoil: Spoil | undefined): Promise<void> {
  if (spoil?.kind === "lose-answer") {
    answer.resume();
    await once(answer, "end");
    outgoing.socket?.resetAndDestroy();
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
  let left = spoil?.kind === "cut" || spoil?.kind === "stall" ? spoil.after : Number.MAX_SAFE_INTEGER;
  let at = 0;
  for await (const chunk of answer) {
    const bytes: Buffer = chunk;
    if (spoil?.kind === "flip-answer") flip(bytes, spoil.at - at);
    at += bytes.length;
    outgoing.write(bytes.subarray(0, left));
    left -= bytes.length;
    if (left > 0) continue;
    if (spoil?.kind === "cut") outgoing.destroy();
    return;
  }
  outgoing.end();
}
