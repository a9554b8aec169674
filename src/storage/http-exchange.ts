/**
 * One HTTP request and its response, with a bound on every wait: for a connection, while bytes ought to move, and for
 * the answer. Holds what the body yields at a time and what a socket buffers.
 */
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AppError, abortError } from "../errors.ts";
import { formatDuration } from "../units.ts";
import type { HttpAgents } from "./agents.ts";
import { StallWatch } from "./stall-watch.ts";
import type { ByteStream } from "./storage.ts";

/** Milliseconds. */
export interface HttpTimeouts {
  /** For a connection, its handshakes included. */
  readonly connectMs: number;
  /** Without a byte moving, or before the answer begins once all is sent. */
  readonly idleMs: number;
}

/** For any store. */
export const usualTimeouts: HttpTimeouts = { connectMs: 15_000, idleMs: 60_000 };

export interface HttpRequest {
  readonly method: "DELETE" | "GET" | "POST" | "PUT";
  /** Of the server, of which the path is not used. */
  readonly url: URL;
  /** Encoded, with the query. */
  readonly path: string;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, piece after piece; a piece is left alone once it has been yielded. */
  readonly frames?: AsyncIterable<Uint8Array> | undefined;
  /** The server is asked first whether it wants the body, so that a refusal costs none. */
  readonly asksFirst?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How one store's errors and answers are understood. */
export interface HttpTerms {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  readonly agents: HttpAgents;
  readonly timeouts: HttpTimeouts;
  /** 200 to 299 when left out; any other answer becomes a refusal. */
  readonly accepts?: ((status: number) => boolean) | undefined;
  refusal(status: number, headers: IncomingHttpHeaders, body: string): AppError;
  /** Whatever breaks the body of an answer, as ours. */
  failure(error: unknown): AppError;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body: read it, or leave it by {@link discard}. */
  readonly stream: ByteStream;
  discard(): void;
}

/** Servers that do not know the question do not answer it, and are not asked again. */
const askDeadlineMs = 1000;
const silentServers = new WeakSet<HttpAgents>();
const maxErrorBytes = 64 * 1024;

/** Throws refusals as the terms have them, `timeout`, and the connection's errors as they come. */
export function exchange(request: HttpRequest, terms: HttpTerms): Promise<HttpResponse> {
  return new Exchange(request, terms).response();
}

function start({ method, url, path, headers }: HttpRequest, agents: HttpAgents, asks: boolean): ClientRequest {
  const secure = url.protocol === "https:";
  const options = {
    agent: secure ? agents.https : agents.http,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    method,
    path,
    headers: { ...headers, ...(asks ? { expect: "100-continue" } : {}) },
  };
  return secure ? httpsRequest(options) : httpRequest(options);
}

/** One request under way, and its response until its last byte. */
class Exchange {
  readonly #request: HttpRequest;
  readonly #terms: HttpTerms;
  /** Whether this request asks first. */
  readonly #asks: boolean;
  readonly #sent: ClientRequest;
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #watch: StallWatch;
  #failure: unknown;
  #answer: IncomingMessage | undefined;

  constructor(request: HttpRequest, terms: HttpTerms) {
    const { connectMs } = terms.timeouts;
    this.#request = request;
    this.#terms = terms;
    this.#asks = request.asksFirst === true && !silentServers.has(terms.agents);
    this.#sent = start(request, terms.agents, this.#asks);
    this.#watch = new StallWatch(connectMs, () => this.#stalled("accept a connection", connectMs));
    this.#sent.once("socket", (socket) => {
      if (!socket.connecting) this.#onConnected();
      else socket.once("encrypted" in socket ? "secureConnect" : "connect", () => this.#onConnected());
    });
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#sent.once("close", () => {
      this.#closed.resolve();
      this.#release();
    });
  }

  readonly #onAbort = () => {
    if (this.#request.signal !== undefined) this.#end(abortError(this.#request.signal));
  };

  #onConnected(): void {
    this.#watch.stop();
    const { idleMs } = this.#terms.timeouts;
    this.#watch = new StallWatch(idleMs, () => this.#stalled("answer", idleMs));
    this.#connected.resolve();
  }

  #stalled(what: string, ms: number): void {
    const { host } = this.#request.url;
    this.#end(new AppError("timeout", `cannot ${this.#terms.what}: ${host} did not ${what} for ${formatDuration(ms)}`));
  }

  /** Whatever waits for the other side fails with this. */
  #end(failure: unknown): void {
    this.#failure ??= failure;
    const error = failure instanceof Error ? failure : new Error(String(failure));
    this.#answer?.destroy(error);
    this.#sent.destroy(error);
  }

  #release(): void {
    this.#watch.stop();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
  }

  async response(): Promise<HttpResponse> {
    const sent = this.#sent;
    const { accepts = (status: number) => status >= 200 && status <= 299 } = this.#terms;
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once("response", (answer) => {
        this.#answer = answer;
        // Whoever reads the answer sees its errors; nobody may.
        answer.on("error", () => undefined);
        resolve(answer);
      });
      sent.on("error", reject);
    });
    // The body may fail before the answer is waited for.
    answered.catch(() => undefined);
    try {
      await this.#sendBody();
      const answer = await answered;
      const status = answer.statusCode ?? 0;
      this.#watch.run();
      if (!accepts(status)) throw this.#terms.refusal(status, answer.headers, await errorText(answer));
      this.#watch.pause();
      if (!sent.writableEnded) throw new AppError("protocol", `${this.#request.url.host} answered before it was asked`);
      return {
        status,
        headers: answer.headers,
        stream: { [Symbol.asyncIterator]: () => this.#read(answer) },
        discard: () => void answer.resume(),
      };
    } catch (error) {
      this.#end(error);
      throw this.#failure ?? error;
    }
  }

  async #sendBody(): Promise<void> {
    const sent = this.#sent;
    const { frames } = this.#request;
    if (frames !== undefined) {
      if (this.#asks) await this.#askFirst();
      for await (const frame of frames) {
        // Answered before its end: the body is not wanted. Failed: the error waits with the answer.
        if (this.#answer !== undefined || sent.destroyed) return;
        if (sent.write(frame)) continue;
        this.#watch.run();
        await Promise.race([once(sent, "drain"), this.#closed.promise]);
        // What the source takes its time for is no stall.
        this.#watch.pause();
      }
    }
    sent.end();
    this.#watch.run();
  }

  /** Waits until the server wants the body, answers without it, or shows that it does not know the question. */
  async #askFirst(): Promise<void> {
    const sent = this.#sent;
    const asked = new AbortController();
    await Promise.race([this.#connected.promise, this.#closed.promise]);
    const deadline = setTimeout(() => {
      silentServers.add(this.#terms.agents);
      asked.abort();
    }, askDeadlineMs);
    try {
      await Promise.race([once(sent, "continue", asked), once(sent, "response", asked), this.#closed.promise]);
    } catch {
      // Not answered in time, which is an answer, or failed, and then the error waits with the answer.
    } finally {
      clearTimeout(deadline);
      asked.abort();
    }
  }

  async *#read(answer: IncomingMessage): AsyncGenerator<Uint8Array, void> {
    try {
      this.#watch.run();
      for await (const chunk of answer) {
        this.#watch.pause();
        yield chunk;
        this.#watch.run();
      }
    } catch (error) {
      throw this.#terms.failure(this.#failure ?? error);
    } finally {
      this.#release();
    }
  }
}

async function errorText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxErrorBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
