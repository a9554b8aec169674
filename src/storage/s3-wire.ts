/**
 * The requests that carry objects, sent without the SDK's pipeline: a signature and a socket, at half the cost. A
 * request holds what its body yields at a time and what a socket buffers, well below a MiB, whatever its size.
 */
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../clock.ts";
import { AppError, abortError, isAppError, throwIfAborted } from "../errors.ts";
import { formatDuration } from "../units.ts";
import type { HttpAgents } from "./agents.ts";
import { parseRefusal, refusalBehind, refusalError, type S3Doing, s3Error } from "./s3-errors.ts";
import { type Payload, signedChunksHash } from "./s3-payload.ts";
import { canonicalQuery, emptyHash, encodePath, Signer, type SigningIdentity } from "./s3-sign.ts";
import { StallWatch } from "./stall-watch.ts";
import type { ByteStream } from "./storage.ts";

export interface WireOptions {
  /** The bucket's own, where keys are appended to the path. */
  readonly url: URL;
  readonly identity: () => Promise<SigningIdentity>;
  readonly agents: HttpAgents;
  readonly clock: Clock;
  readonly timeouts: S3Timeouts;
  /** See the dialect. */
  readonly deniesInPassing: boolean;
}

/** Milliseconds. */
export interface S3Timeouts {
  /** For a connection, its handshakes included. */
  readonly connectMs: number;
  /** Without a byte moving, or before the answer begins once all is sent. */
  readonly idleMs: number;
}

export interface WireRequest {
  readonly method: "GET" | "PUT";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** In lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload;
  readonly signal?: AbortSignal | undefined;
  readonly doing: S3Doing;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body: read it, or leave it by {@link discard}. */
  readonly stream: ByteStream;
  discard(): void;
}

/** From this size on the server is asked first whether it wants the body, so that a refusal costs none. */
const askFirstBytes = 1024 * 1024;
/** Servers that do not know the question do not answer it. */
const askDeadlineMs = 1000;
const maxErrorBytes = 64 * 1024;

export class Wire {
  readonly #options: WireOptions;
  readonly #signer = new Signer();
  /** The key that the store has accepted a signature of. */
  #provenKey: string | undefined;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Throws what the server refuses, and every failure on the way, as AppErrors. */
  async send(request: WireRequest): Promise<WireResponse> {
    throwIfAborted(request.signal);
    try {
      const identity = await this.#options.identity();
      try {
        const response = await new Exchange(this.#start(request, identity), request, this.#options).response();
        this.#provenKey = identity.accessKeyId;
        return response;
      } catch (error) {
        if (this.#provenKey !== identity.accessKeyId) throw error;
        throw reconsidered(error, request, this.#options.deniesInPassing);
      }
    } catch (error) {
      throw s3Error(error, request.doing, request.signal);
    }
  }

  #start({ method, key, query = {}, headers = {}, payload }: WireRequest, identity: SigningIdentity): Started {
    const { url, agents, clock } = this.#options;
    const path = `${url.pathname.replace(/\/$/, "")}/${encodePath(key)}`;
    const large = payload !== undefined && payload.wireBytes >= askFirstBytes;
    const signed = this.#signer.sign(
      {
        method,
        path,
        query,
        headers: { host: url.host, ...headers, ...payload?.headers },
        payloadHash: payload?.hash ?? emptyHash,
        timeMs: clock.now(),
      },
      identity,
    );
    const text = canonicalQuery(query);
    const secure = url.protocol === "https:";
    const options = {
      agent: secure ? agents.https : agents.http,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
      method,
      path: text === "" ? path : `${path}?${text}`,
      headers: { ...signed.headers, ...(large ? { expect: "100-continue" } : {}) },
    };
    const sent = secure ? httpsRequest(options) : httpRequest(options);
    return { sent, asksFirst: large, frames: payload?.frames(signed.signChunk) };
  }
}

/** What a refusal means of a key that the store has accepted before. */
function reconsidered(error: unknown, { payload }: WireRequest, deniesInPassing: boolean): unknown {
  const refusal = isAppError(error) ? refusalBehind(error) : undefined;
  if (!isAppError(error) || refusal === undefined || payload === undefined) return error;
  const { message, hint, cause } = error;
  const { code, status } = refusal;
  // A server that does not say why has not understood the request, which others like it were.
  if (code === "" && status === 400) return new AppError("storage", message, { cause });
  // Where chunks are signed, a byte that was spoiled shows as a wrong signature.
  if (code === "SignatureDoesNotMatch" && payload.hash === signedChunksHash) {
    return new AppError("corrupt", message, { retryable: true, cause });
  }
  if (code === "AccessDenied" && deniesInPassing) {
    return new AppError(error.code, message, { retryable: true, cause, ...(hint === undefined ? {} : { hint }) });
  }
  return error;
}

interface Started {
  readonly sent: ClientRequest;
  readonly asksFirst: boolean;
  readonly frames: AsyncIterable<Uint8Array> | undefined;
}

/** One request under way, and its response until its last byte. */
class Exchange {
  readonly #started: Started;
  readonly #request: WireRequest;
  readonly #timeouts: S3Timeouts;
  readonly #host: string;
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #watch: StallWatch;
  #failure: unknown;
  #answer: IncomingMessage | undefined;

  constructor(started: Started, request: WireRequest, { timeouts, url }: WireOptions) {
    this.#started = started;
    this.#request = request;
    this.#timeouts = timeouts;
    this.#host = url.host;
    this.#watch = new StallWatch(timeouts.connectMs, () => this.#stalled("accept a connection", timeouts.connectMs));
    started.sent.once("socket", (socket) => {
      if (!socket.connecting) this.#onConnected();
      else socket.once("encrypted" in socket ? "secureConnect" : "connect", () => this.#onConnected());
    });
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
    started.sent.once("close", () => {
      this.#closed.resolve();
      this.#release();
    });
  }

  readonly #onAbort = () => {
    if (this.#request.signal !== undefined) this.#end(abortError(this.#request.signal));
  };

  #onConnected(): void {
    this.#watch.stop();
    const { idleMs } = this.#timeouts;
    this.#watch = new StallWatch(idleMs, () => this.#stalled("answer", idleMs));
    this.#connected.resolve();
  }

  #stalled(what: string, ms: number): void {
    const { what: doing } = this.#request.doing;
    this.#end(new AppError("timeout", `cannot ${doing}: ${this.#host} did not ${what} for ${formatDuration(ms)}`));
  }

  /** Whatever waits for the other side fails with this. */
  #end(failure: unknown): void {
    this.#failure ??= failure;
    const error = failure instanceof Error ? failure : new Error(String(failure));
    this.#answer?.destroy(error);
    this.#started.sent.destroy(error);
  }

  #release(): void {
    this.#watch.stop();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
  }

  async response(): Promise<WireResponse> {
    const { sent } = this.#started;
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
      if (status < 200 || status > 299) throw await this.#refusal(status, answer);
      this.#watch.pause();
      if (!sent.writableEnded) throw new AppError("protocol", `${this.#host} answered before it was asked`);
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
    const { sent, asksFirst, frames } = this.#started;
    if (frames !== undefined) {
      if (asksFirst) await this.#askFirst();
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
    const { sent } = this.#started;
    const asked = new AbortController();
    await Promise.race([this.#connected.promise, this.#closed.promise]);
    const deadline = setTimeout(() => asked.abort(), askDeadlineMs);
    try {
      await Promise.race([once(sent, "continue", asked), once(sent, "response", asked), this.#closed.promise]);
    } catch {
      // Not answered in time, which is an answer, or failed, and then the error waits with the answer.
    } finally {
      clearTimeout(deadline);
      asked.abort();
    }
  }

  async #refusal(status: number, answer: IncomingMessage): Promise<AppError> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxErrorBytes) break;
    }
    const region = answer.headers["x-amz-bucket-region"];
    const text = Buffer.concat(chunks).toString("utf8");
    const refusal = parseRefusal(status, text, typeof region === "string" ? region : undefined);
    return refusalError(refusal, this.#request.doing);
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
      throw s3Error(this.#failure ?? error, this.#request.doing, this.#request.signal);
    } finally {
      this.#release();
    }
  }
}
