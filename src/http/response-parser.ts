/**
 * The answer to one request, as HTTP/1.1 has it on the wire (RFC 9112):
 *
 *   answer  = *( head of 1xx ) head body
 *   head    = "HTTP/1." digit SP 3digit SP reason CRLF *( name ":" value CRLF ) CRLF
 *   body    = nothing | bytes of content-length | chunks | bytes until the connection is closed
 *   chunks  = *( hex-size [ ";" extension ] CRLF bytes CRLF ) "0" CRLF *( trailer CRLF ) CRLF
 *
 * Strict where leniency would hide bytes: line ends are CRLF, lengths are digits, no line is folded.
 */

/** Names in lower case; what comes twice is joined by a comma. */
export type ResponseHeaders = Readonly<Record<string, string>>;

export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Of the body; undefined where only its end will tell. */
  readonly bodyBytes: number | undefined;
}

export interface ResponseHandler {
  /** One of 100 to 199, which is not the answer yet. */
  onInterim(status: number): void;
  onHead(head: ResponseHead): void;
  /** A piece of the body, which is good until this returns. */
  onBody(bytes: Uint8Array): void;
  onEnd(): void;
}

/** The bytes received are not a response, or not a whole one; the latter has the code of a reset socket. */
export class InvalidResponse extends Error {
  override readonly name = "InvalidResponse";
  readonly code: "ECONNRESET" | "HPE_INVALID";

  constructor(message: string, code: InvalidResponse["code"] = "HPE_INVALID") {
    super(message);
    this.code = code;
  }
}

/** Of all heads and trailers of an answer together. */
const maxHeadBytes = 64 * 1024;
/** Of a chunk's size and its extensions. */
const maxLineBytes = 8 * 1024;
const firstBytes = "HTTP/1.";
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/s;
const controls = /[^\t\x20-\x7e\x80-\xff]/;

type State = "head" | "counted" | "until-close" | "chunk-size" | "chunk" | "chunk-end" | "trailer" | "end";

/** Takes the bytes as they come, cut anywhere. Throws {@link InvalidResponse}, after which it takes no more. */
export class ResponseParser {
  readonly #handler: ResponseHandler;
  /** The request was a HEAD: the answer has the headers of a body, and none. */
  readonly #isBodiless: boolean;
  #state: State = "head";
  /** Of a head or line, from former pieces. */
  #carried = "";
  #leftHeadBytes = maxHeadBytes;
  /** Of the counted body or chunk. */
  #leftBytes = 0;
  #keepsConnection = false;

  constructor(handler: ResponseHandler, method = "GET") {
    this.#handler = handler;
    this.#isBodiless = method === "HEAD";
  }

  get isAtEnd(): boolean {
    return this.#state === "end";
  }

  /** Whether the server takes another request on this connection; known at the end. */
  get keepsConnection(): boolean {
    return this.#keepsConnection;
  }

  feed(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at = this.#step(bytes, at);
  }

  /** No more bytes come, ever. */
  close(): void {
    if (this.#state === "until-close") this.#end();
    else if (this.#state !== "end") throw new InvalidResponse("the connection was closed too early", "ECONNRESET");
  }

  /** Gives where the next step begins, which is behind `at`. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#takeText(bytes, at, "\r\n\r\n", this.#leftHeadBytes, (text) => this.#onHead(text));
      case "chunk-size":
        return this.#takeText(bytes, at, "\r\n", maxLineBytes, (line) => this.#onChunkSize(line));
      case "chunk-end":
        return this.#takeText(bytes, at, "\r\n", maxLineBytes, (line) => this.#onChunkEnd(line));
      case "trailer":
        return this.#takeText(bytes, at, "\r\n", this.#leftHeadBytes, (line) => this.#onTrailer(line));
      case "counted":
      case "chunk":
        return this.#takeCounted(bytes, at);
      case "until-close":
        this.#handler.onBody(bytes.subarray(at));
        return bytes.length;
      case "end":
        // The answer is whole, but what this begins is none to anything that was asked.
        this.#keepsConnection = false;
        return bytes.length;
    }
  }

  /** Collects text up to its terminator, which may come in pieces. */
  #takeText(bytes: Buffer, at: number, terminator: string, maxBytes: number, take: (text: string) => void): number {
    const carriedLength = this.#carried.length;
    if (carriedLength === 0) {
      const found = bytes.indexOf(terminator, at, "latin1");
      if (found >= 0 && found - at <= maxBytes) {
        take(bytes.toString("latin1", at, found));
        return found + terminator.length;
      }
    }
    const text =
      this.#carried + bytes.toString("latin1", at, Math.min(bytes.length, at + maxBytes + terminator.length));
    const found = text.indexOf(terminator, Math.max(0, carriedLength - terminator.length));
    // Without its terminator, the text may be followed by the beginning of one.
    const leastBytes = found < 0 ? text.length - terminator.length + 1 : found;
    if (leastBytes > maxBytes) throw new InvalidResponse("its head is too long");
    if (found < 0) {
      // Servers of other protocols speak first, and wait then.
      if (this.#state === "head" && !firstBytes.startsWith(text.slice(0, firstBytes.length))) throw notHttp();
      this.#carried = text;
      return bytes.length;
    }
    this.#carried = "";
    take(text.slice(0, found));
    return at + found + terminator.length - carriedLength;
  }

  #takeCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#leftBytes);
    this.#leftBytes -= end - at;
    this.#handler.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#leftBytes === 0) {
      if (this.#state === "chunk") this.#state = "chunk-end";
      else this.#end();
    }
    return end;
  }

  #onHead(text: string): void {
    this.#leftHeadBytes -= text.length;
    const [first = "", ...lines] = text.split("\r\n");
    const [, minor, digits] = statusLine.exec(first) ?? [];
    if (digits === undefined || controls.test(first)) {
      throw notHttp();
    }
    const status = Number(digits);
    const headers = parseHeaders(lines);
    if (status === 101) throw new InvalidResponse("it changes to a protocol that nobody asked for");
    if (status < 200) {
      this.#handler.onInterim(status);
      return;
    }
    const [state, bodyBytes] = this.#isBodiless ? (["counted", 0] as const) : framingOf(status, headers);
    const closes = itemsOf(headers["connection"] ?? "").some((option) => option.toLowerCase() === "close");
    this.#keepsConnection = minor === "1" && !closes && state !== "until-close";
    [this.#state, this.#leftBytes] = [state, bodyBytes ?? 0];
    this.#handler.onHead({ status, headers, bodyBytes });
    if (bodyBytes === 0) this.#end();
  }

  #onChunkSize(line: string): void {
    const [, digits] = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;|$)/.exec(line) ?? [];
    if (digits === undefined || controls.test(line)) throw new InvalidResponse("a chunk of it has no size");
    this.#leftBytes = Number.parseInt(digits, 16);
    this.#state = this.#leftBytes === 0 ? "trailer" : "chunk";
  }

  #onChunkEnd(line: string): void {
    if (line !== "") throw new InvalidResponse("a chunk of it is longer than its size");
    this.#state = "chunk-size";
  }

  /** Trailers are checked for their form and otherwise ignored. */
  #onTrailer(line: string): void {
    this.#leftHeadBytes -= line.length;
    if (line === "") this.#end();
    else parseHeaders([line]);
  }

  #end(): void {
    this.#state = "end";
    this.#handler.onEnd();
  }
}

function notHttp(): InvalidResponse {
  return new InvalidResponse("it does not begin as an answer in HTTP/1.1 does");
}

function parseHeaders(lines: readonly string[]): ResponseHeaders {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, text] = headerLine.exec(line) ?? [];
    if (name === undefined || text === undefined || controls.test(text)) {
      throw new InvalidResponse("a header of it is malformed");
    }
    const key = name.toLowerCase();
    const former = headers.get(key);
    headers.set(key, former === undefined ? trimmed(text) : `${former}, ${trimmed(text)}`);
  }
  return Object.fromEntries(headers);
}

function itemsOf(list: string): string[] {
  return list.split(",").map(trimmed);
}

/** Blanks only, as a byte that is a letter in one encoding is a space in another; and in a time that grows with the text. */
function trimmed(text: string): string {
  const isBlank = (at: number) => text[at] === " " || text[at] === "\t";
  let [start, end] = [0, text.length];
  while (start < end && isBlank(start)) start++;
  while (start < end && isBlank(end - 1)) end--;
  return text.slice(start, end);
}

/** How the body is delimited, and its length where the head tells. */
function framingOf(status: number, headers: ResponseHeaders): readonly [State, number | undefined] {
  const framing = announcedFraming(headers);
  return status === 204 || status === 304 ? ["counted", 0] : framing;
}

function announcedFraming(headers: ResponseHeaders): readonly [State, number | undefined] {
  const { "transfer-encoding": coding, "content-length": length } = headers;
  if (coding !== undefined) {
    // Two lengths are what smugglers send.
    if (length !== undefined) throw new InvalidResponse("it has a length and chunks");
    if (coding.toLowerCase() !== "chunked") throw new InvalidResponse(`it is encoded as ${coding}`);
    return ["chunk-size", undefined];
  }
  if (length === undefined) return ["until-close", undefined];
  const [first = "", ...others] = itemsOf(length);
  if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first)) {
    throw new InvalidResponse("its length is malformed");
  }
  return ["counted", Number(first)];
}
