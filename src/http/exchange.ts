/**
 * One HTTP request and its response, with a bound on every wait: for a connection, while bytes ought to move, and for
 * the answer. Holds what the body yields at a time and a few chunks of the answer.
 */
import { AppError, abortError, throwIfAborted } from "../errors.ts";
import { formatDuration } from "../units.ts";
import type { HttpAgents } from "./agents.ts";
import type { Connection, ConnectionUser } from "./connection.ts";
import { IncomingBody } from "./incoming-body.ts";
import { requestHead } from "./request-head.ts";
import { type ResponseHandler, type ResponseHead, type ResponseHeaders, ResponseParser } from "./response-parser.ts";
import { StallWatch } from "./stall-watch.ts";

/** Milliseconds. */
export interface HttpTimeouts {
  /** For a connection, its handshakes included. */
  readonly connectMs: number;
  /** Without a byte moving, and until the head of the response is whole once all is sent. */
  readonly idleMs: number;
}

/** For any server. */
export const usualTimeouts: HttpTimeouts = { connectMs: 15_000, idleMs: 60_000 };

export interface HttpRequest {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT";
  /** Of the server, of which the path is not used. */
  readonly url: URL;
  /** Encoded, with the query. */
  readonly path: string;
  /** In lower case; the body's length among them, where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, piece after piece; a piece is left alone once it has been yielded. */
  readonly frames?: AsyncIterable<Uint8Array> | undefined;
  /** Sends `Expect: 100-continue` and waits with the body until the server wants it, so that a refusal costs none. */
  readonly expectContinue?: boolean;
  /** The reader of the answer is done with each chunk before it asks for the next: memory is used again. */
  readonly transient?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How one server's errors and answers are understood. */
export interface HttpTerms {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  readonly agents: HttpAgents;
  readonly timeouts: HttpTimeouts;
  /**
   * Any byte of the body counts as progress. S3 sends a blank now and then while it assembles an object: such a call has
   * a deadline as a whole, set by the caller.
   */
  readonly anyByteIsProgress?: boolean | undefined;
  /** 200 to 299 when left out; any other answer becomes a service error. */
  readonly accepts?: ((status: number) => boolean) | undefined;
  serviceError(status: number, headers: ResponseHeaders, body: string): AppError;
  /** Converts whatever fails on the way, before the answer as well as within its body. */
  failure(error: unknown): AppError;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The body: read it, or leave it by {@link discard}. Of HEAD it has no bytes. */
  readonly stream: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** Servers that do not know the expectation send no 100, and are not asked for it again. */
const continueDeadlineMs = 1000;
const maxErrorBytes = 64 * 1024;
/** The rest of an unread response up to this size is cheaper to receive than a new connection. */
const maxDrainedBytes = 64 * 1024;

/** Throws what the terms make of service errors and of failures on the way, `timeout` and `protocol`. */
export async function exchange(request: HttpRequest, terms: HttpTerms): Promise<HttpResponse> {
  try {
    return await new Exchange(request, terms).response();
  } catch (error) {
    if (!(error instanceof ExpectationFailed)) throw error;
    return new Exchange(request, terms).response();
  }
}

/** The server wants no expectation, and nothing of the body has been read: the request can be sent again without it. */
class ExpectationFailed extends Error {}

/** One request under way, and its response until its last byte has come. */
class Exchange implements ConnectionUser, ResponseHandler {
  readonly #request: HttpRequest;
  readonly #terms: HttpTerms;
  readonly #parser: ResponseParser;
  readonly #answered = Promise.withResolvers<ResponseHead>();
  /** Wakes the sender that waits for the server. */
  #wake: (() => void) | undefined;
  /** Stops the opening of a connection. */
  #opening: AbortController | undefined;
  #watch: StallWatch | undefined;
  #connection: Connection | undefined;
  #head: ResponseHead | undefined;
  #body: IncomingBody | undefined;
  /** `Expect: 100-continue` is in the head. */
  #expects = false;
  /** The body waits for the server's 100. */
  #awaitsContinue = false;
  #hasReadFrames = false;
  #isSent = false;
  #isOver = false;
  #failure: unknown;

  constructor(request: HttpRequest, terms: HttpTerms) {
    this.#request = request;
    this.#terms = terms;
    this.#parser = new ResponseParser(this, request.method);
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#answered.promise.catch(() => undefined); // It may fail before response() waits for it.
  }

  readonly #onAbort = () => {
    if (this.#request.signal !== undefined) this.#end(abortError(this.#request.signal));
  };

  async response(): Promise<HttpResponse> {
    const { accepts = (status: number) => status >= 200 && status <= 299 } = this.#terms;
    let answered: Error;
    try {
      throwIfAborted(this.#request.signal);
      await this.#send(await this.#connect());
      const { status, headers } = await this.#answered.promise;
      if (accepts(status)) {
        if (!this.#isSent) throw new AppError("protocol", `${this.#request.url.host} answered before it was asked`);
        return { status, headers, stream: this.#stream(), discard: () => this.#discard() };
      }
      answered = await this.#answeredError(status, headers);
    } catch (error) {
      this.#end(error);
      throw this.#terms.failure(this.#failure);
    }
    // The status is the server's verdict, even if the connection has ended meanwhile.
    this.#end(answered);
    throw answered;
  }

  async #answeredError(status: number, headers: ResponseHeaders): Promise<Error> {
    const text = await this.#errorText();
    throwIfAborted(this.#request.signal);
    if (status !== 417 || !this.#expects) return this.#terms.serviceError(status, headers, text);
    const { origin, host } = this.#request.url;
    this.#terms.agents.connections.withoutContinue.add(origin);
    if (!this.#hasReadFrames) return new ExpectationFailed();
    return new AppError(
      "unreachable",
      `cannot ${this.#terms.what}: ${host} does not know the expectation 100-continue`,
    );
  }

  async #connect(): Promise<Connection> {
    const connection = this.#terms.agents.connections.takeIdle(this.#request.url) ?? (await this.#open());
    if (this.#isOver) {
      this.#terms.agents.connections.drop(connection);
      throw this.#failure;
    }
    this.#connection = connection;
    const { idleMs } = this.#terms.timeouts;
    this.#watch = new StallWatch(idleMs, () => this.#stalled("answer", idleMs));
    // Closed meanwhile: it says so at once.
    connection.use(this);
    return connection;
  }

  async #open(): Promise<Connection> {
    const { connectMs } = this.#terms.timeouts;
    this.#opening = new AbortController();
    this.#watch = new StallWatch(connectMs, () => this.#stalled("accept a connection", connectMs));
    try {
      return await this.#terms.agents.connections.open(this.#request.url, this.#opening.signal);
    } finally {
      this.#watch.stop();
    }
  }

  async #send(connection: Connection): Promise<void> {
    const { agents } = this.#terms;
    const { frames, expectContinue, url } = this.#request;
    this.#expects =
      frames !== undefined && expectContinue === true && !agents.connections.withoutContinue.has(url.origin);
    const headers = this.#expects ? { ...this.#request.headers, expect: "100-continue" } : this.#request.headers;
    const head = requestHead({ ...this.#request, headers }, agents.connections.targetOf(this.#request));
    if (frames === undefined) {
      connection.send(head);
      this.#isSent = true;
    } else {
      await this.#sendBody(connection, head, frames);
    }
    // Where an answer is there already, its reader may be the one who is waited for.
    if (this.#body?.isFull !== true) this.#watch?.run();
  }

  async #sendBody(connection: Connection, head: string, frames: AsyncIterable<Uint8Array>): Promise<void> {
    let unsentHead: string | undefined = head;
    let leftBytes = Number(this.#request.headers["content-length"]);
    if (this.#expects) {
      connection.send(head);
      unsentHead = undefined;
      await this.#continued();
      if (this.#isDecided) return;
    }
    this.#hasReadFrames = true;
    // Time that the source takes is not a stall.
    this.#watch?.pause();
    for await (const frame of frames) {
      if (this.#isDecided) return;
      leftBytes -= frame.length;
      if (!(leftBytes >= 0)) throw misstated();
      this.#watch?.run();
      const hasRoom = unsentHead === undefined ? connection.send(frame) : connection.send(unsentHead, frame);
      unsentHead = undefined;
      if (!hasRoom) await this.#woken();
      this.#watch?.pause();
    }
    if (leftBytes !== 0) throw misstated();
    if (unsentHead !== undefined) connection.send(unsentHead);
    this.#isSent = true;
  }

  /** Answered before its end: the body is not wanted. Failed: the error waits with the answer. */
  get #isDecided(): boolean {
    return this.#head !== undefined || this.#isOver;
  }

  /** Waits until the server wants the body, responds without it, or shows that it does not know the expectation. */
  async #continued(): Promise<void> {
    const deadline = setTimeout(() => {
      this.#terms.agents.connections.withoutContinue.add(this.#request.url.origin);
      this.#wake?.();
    }, continueDeadlineMs);
    this.#awaitsContinue = true;
    await this.#woken();
    this.#awaitsContinue = false;
    clearTimeout(deadline);
  }

  /** Until the server lets the sender go on, or nothing is to be sent any more. */
  async #woken(): Promise<void> {
    if (this.#isDecided) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  drained(): void {
    this.#watch?.moved();
    this.#wake?.();
  }

  receive(bytes: Buffer): boolean {
    // A head that drips is as late as one that does not come: it is given no more time.
    if (this.#head !== undefined) {
      if (this.#terms.anyByteIsProgress === true) this.#watch?.moved();
      else this.#watch?.came(bytes.length);
    }
    try {
      this.#parser.feed(bytes);
      if (this.#parser.isAtEnd) this.#finish();
    } catch (error) {
      this.#end(this.#head === undefined ? this.#notHttp(error) : error);
    }
    if (this.#isOver || this.#body?.isFull !== true) return true;
    // Not the server is waited for now, but our reader.
    this.#watch?.pause();
    return false;
  }

  closed(error: Error | undefined): void {
    if (this.#isOver) return;
    try {
      if (error !== undefined) throw error;
      this.#parser.close();
      this.#finish();
    } catch (failure) {
      this.#end(failure);
    }
  }

  onInterim(status: number): void {
    if (status === 100 && this.#awaitsContinue) this.#wake?.();
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#watch?.moved();
    this.#body = new IncomingBody({
      sizeBytes: head.bodyBytes,
      transient: this.#request.transient === true,
      pool: this.#terms.agents.connections.chunks,
      onRoom: () => {
        if (this.#isOver) return;
        this.#watch?.run();
        this.#connection?.resume();
      },
    });
    this.#answered.resolve(head);
    this.#wake?.();
  }

  onBody(bytes: Uint8Array): void {
    this.#body?.push(bytes);
  }

  onEnd(): void {
    this.#body?.end();
  }

  /** All has come, though it may not all have been read. */
  #finish(): void {
    const connection = this.#release();
    const { connections } = this.#terms.agents;
    if (connection === undefined) return;
    const isKept = this.#isSent && !connection.isBehind && this.#parser.keepsConnection;
    if (isKept) connections.keep(this.#request.url, connection, this.#head?.headers["keep-alive"]);
    else connections.drop(connection);
  }

  async *#stream(): AsyncGenerator<Uint8Array, void> {
    try {
      for (let chunk = await this.#body?.next(); chunk !== undefined; chunk = await this.#body?.next()) yield chunk;
    } catch (error) {
      throw this.#terms.failure(error);
    } finally {
      this.#body?.release();
      this.#abandon();
    }
  }

  /** The rest of the answer is not wanted; a small one comes all the same, and the connection is kept. */
  #discard(): void {
    if (this.#head?.bodyBytes === undefined || this.#head.bodyBytes > maxDrainedBytes) this.#abandon();
  }

  #abandon(): void {
    if (!this.#isOver) this.#end(new Error("the answer was left"));
  }

  /** As much of it as comes. */
  async #errorText(): Promise<string> {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    const next = () => this.#body?.next().catch(() => undefined);
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      chunks.push(Buffer.from(chunk));
      sizeBytes += chunk.length;
      if (sizeBytes > maxErrorBytes) break;
    }
    this.#body?.release();
    return Buffer.concat(chunks).toString("utf8", 0, Math.min(sizeBytes, maxErrorBytes));
  }

  #notHttp(cause: unknown): AppError {
    const how = cause instanceof Error ? cause.message : String(cause);
    return new AppError(
      "protocol",
      `cannot ${this.#terms.what}: the response of ${this.#request.url.host} is not HTTP: ${how}`,
      {
        hint: "the other side may speak HTTPS where HTTP is expected: see --insecure-http and --endpoint",
        cause,
      },
    );
  }

  #stalled(what: string, ms: number): void {
    const { host } = this.#request.url;
    this.#end(new AppError("timeout", `cannot ${this.#terms.what}: ${host} did not ${what} for ${formatDuration(ms)}`));
  }

  /** Fails everything that waits for the other side. */
  #end(failure: unknown): void {
    if (this.#failure === undefined) this.#failure = failure;
    if (this.#isOver) return;
    const connection = this.#release();
    this.#opening?.abort(failure);
    this.#answered.reject(failure);
    this.#wake?.();
    this.#body?.fail(failure);
    if (connection !== undefined) this.#terms.agents.connections.drop(connection);
  }

  /** From here on, nothing is waited for. */
  #release(): Connection | undefined {
    this.#isOver = true;
    this.#watch?.stop();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    const connection = this.#connection;
    this.#connection = undefined;
    return connection;
  }
}

/** Sent on, the next request would begin somewhere within this one. */
function misstated(): AppError {
  return new AppError("internal", "a request cannot be sent: its body has not the length that its headers say");
}
