import type { Agent as HttpsAgent } from "node:https";
import { connect as connectPlain, isIP, Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { abortError, throwIfAborted } from "../errors.ts";
import { Connection } from "./connection.ts";
import { ChunkPool } from "./incoming-body.ts";
import type { HttpProxy } from "./proxy.ts";

export interface ConnectionMeans {
  /** Knows the way through the proxy. */
  readonly https: HttpsAgent;
  readonly trust: { readonly ca?: string[] };
  readonly proxy: HttpProxy | undefined;
}

/** Servers close what has been idle for some time, and a request that crosses that is lost: we do so first. */
const maxIdleMs = 4000;
/** `Keep-Alive: timeout=N`, in whole seconds, and how much sooner we end it: a request is under way for some time. */
const keepAliveTimeout = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i;
const keepAliveMarginMs = 1000;

/** The target in the request line, and the headers for the proxy that takes the request. */
export interface RequestTarget {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/** Connections that are kept for the next request to the same server. */
export class Connections {
  /** For bodies that come over them. */
  readonly chunks = new ChunkPool();
  /** Origins that do not know the expectation 100-continue. */
  readonly withoutContinue = new Set<string>();
  readonly #means: ConnectionMeans;
  readonly #idle = new Map<string, Idle[]>();
  readonly #open = new Set<Connection>();
  readonly #closing = new AbortController();
  /** The newest TLS session with each server, by which the next handshake with it needs no certificate. */
  readonly #sessions = new Map<string, Buffer>();

  constructor(means: ConnectionMeans) {
    this.#means = means;
  }

  /** The one that was used last, so that those which are not needed grow old; undefined where there is none. */
  takeIdle(url: URL): Connection | undefined {
    const kept = this.#idle.get(url.origin) ?? [];
    for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
      if (isFresh(last)) return last.connection;
      this.drop(last.connection);
    }
    return undefined;
  }

  /** A new one, its handshakes done. Rejects with the system's or TLS's errors, or the signal's reason. */
  async open(url: URL, asked: AbortSignal): Promise<Connection> {
    const signal = AbortSignal.any([asked, this.#closing.signal]);
    throwIfAborted(signal);
    const connection = await (this.#isTunneled(url) ? this.#tunnel(url, signal) : this.#direct(url, signal));
    this.#open.add(connection);
    if (!signal.aborted) return connection;
    this.drop(connection);
    throw abortError(signal);
  }

  /** Keeps it for the next request, no longer than the server's header `Keep-Alive` says that it does. */
  keep({ origin }: URL, connection: Connection, keepAlive = ""): void {
    const seconds = keepAliveTimeout.exec(keepAlive)?.[1];
    const idleMs = seconds === undefined ? maxIdleMs : Number(seconds) * 1000 - keepAliveMarginMs;
    connection.rest();
    const kept = this.#idle.get(origin) ?? [];
    kept.push({ connection, untilMs: performance.now() + Math.min(idleMs, maxIdleMs) });
    this.#idle.set(origin, kept);
    // The oldest come first; connections that are too old now are not used again.
    for (let [first] = kept; first !== undefined && !isFresh(first); [first] = kept) {
      this.drop(first.connection);
      kept.shift();
    }
  }

  /** Nothing more is asked over it. */
  drop(connection: Connection): void {
    this.#open.delete(connection);
    connection.destroy();
  }

  /** None is opened any more. */
  close(): void {
    this.#closing.abort();
    for (const connection of this.#open) this.drop(connection);
    this.#idle.clear();
  }

  targetOf({ url, path }: { readonly url: URL; readonly path: string }): RequestTarget {
    const { proxy } = this.#means;
    if (proxy === undefined || this.#isTunneled(url)) return { text: path, headers: {} };
    const { username, password = "" } = proxy;
    const login = Buffer.from(`${username}:${password}`).toString("base64");
    return {
      text: `${url.origin}${path}`,
      headers: username === undefined ? {} : { "proxy-authorization": `Basic ${login}` },
    };
  }

  #isTunneled({ protocol }: URL): boolean {
    return this.#means.proxy !== undefined && protocol === "https:";
  }

  /** To the server, or to the proxy that takes its requests. */
  #direct(url: URL, signal: AbortSignal): Promise<Connection> {
    const { proxy, trust } = this.#means;
    const { host, port, secure } =
      proxy === undefined ? placeOf(url) : { ...proxy, secure: proxy.protocol === "HTTPS" };
    return unlessAborted(signal, (resolve, reject) => {
      const connection = Connection.open((onread) => {
        const to = { host, port, onread };
        const server = `${host}:${port}`;
        const socket = secure
          ? connectTls({ ...to, ...tlsOptions(host), ...trust, ...this.#sessionWith(server) })
          : connectPlain(to);
        socket.once(secure ? "secureConnect" : "connect", () => {
          this.#keepSession(server, socket);
          resolve(connection);
        });
        socket.once("error", (error) => {
          this.#sessions.delete(server);
          reject(error);
        });
        return socket;
      });
      return () => connection.destroy();
    });
  }

  #sessionWith(server: string): { readonly session?: Buffer } {
    const session = this.#sessions.get(server);
    return session === undefined ? {} : { session };
  }

  /** Of a server that has proved who it is: nobody checks the certificate of a session that goes on. */
  #keepSession(server: string, socket: Socket): void {
    if (!(socket instanceof TLSSocket)) return;
    const keep = (session: Buffer | undefined) => {
      if (session !== undefined) this.#sessions.set(server, session);
    };
    // In TLS 1.3, tickets come after the handshake.
    if (socket.getProtocol() !== "TLSv1.3") keep(socket.getSession());
    socket.on("session", keep);
  }

  #tunnel(url: URL, signal: AbortSignal): Promise<Connection> {
    const { https, trust } = this.#means;
    const { host, port } = placeOf(url);
    return unlessAborted(signal, (resolve, reject) => {
      const server = `${host}:${port}`;
      const to = { host, port, ...tlsOptions(host), ...trust, ...this.#sessionWith(server) };
      const toProxy = https.createConnection(to, (error, socket) => {
        if (socket instanceof Socket && error === null) {
          this.#keepSession(server, socket);
          return resolve(Connection.over(socket));
        }
        this.#sessions.delete(server);
        socket?.destroy();
        reject(error);
      });
      return () => toProxy?.destroy();
    });
  }
}

function isFresh({ connection, untilMs }: Idle): boolean {
  return !connection.isClosed && performance.now() < untilMs;
}

function placeOf({ protocol, hostname, port }: URL) {
  const secure = protocol === "https:";
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, port: port === "" ? (secure ? 443 : 80) : Number(port), secure };
}

function tlsOptions(host: string) {
  return { ALPNProtocols: ["http/1.1"], ...(isIP(host) === 0 ? { servername: host } : {}) };
}

/** Settles as `work` does. When the signal is aborted, rejects with its reason and calls what `work` returned. */
async function unlessAborted<T>(
  signal: AbortSignal,
  work: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const cancel = work(resolve, reject);
  const onAbort = () => {
    reject(abortError(signal));
    cancel();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
