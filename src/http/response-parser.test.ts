import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidResponse, type ResponseHead, ResponseParser } from "./response-parser.ts";

interface Seen {
  readonly interim: readonly number[];
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number | undefined;
  readonly body: string;
  readonly ended: boolean;
  readonly keeps: boolean;
  readonly failure: string | undefined;
}

/** What a parser makes of the bytes, and, unless told otherwise, of the connection's end behind them. */
function parse(pieces: readonly Uint8Array[], closes = true, method?: string): Seen {
  const interim: number[] = [];
  const body: Buffer[] = [];
  const heads: Pick<Seen, "status" | "headers" | "bodyBytes">[] = [];
  let ends = 0;
  const handler = {
    onInterim: (status: number) => interim.push(status),
    onHead: (head: ResponseHead) => heads.push(head),
    // Its memory is used again.
    onBody: (bytes: Uint8Array) => body.push(Buffer.from(bytes)),
    onEnd: () => ends++,
  };
  const parser = new ResponseParser(handler, method);
  let failure: string | undefined;
  try {
    for (const piece of pieces) parser.feed(Buffer.from(piece));
    if (closes) parser.close();
  } catch (error) {
    if (!(error instanceof InvalidResponse)) throw error;
    failure = error.message;
  }
  expect(heads.length).toBeLessThanOrEqual(1);
  expect(ends).toBe(parser.isAtEnd ? 1 : 0);
  const { status, headers = {}, bodyBytes } = heads[0] ?? {};
  const text = Buffer.concat(body).toString("latin1");
  const keeps = parser.keepsConnection;
  return { interim, status, headers, bodyBytes, body: text, ended: ends === 1, keeps, failure };
}

function parseText(text: string, closes?: boolean): Seen {
  return parse([Buffer.from(text, "latin1")], closes);
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

const latin1 = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/);
const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?$/);
const blanks = fc.stringMatching(/^[ \t]{0,3}$/);
const otherHeader = fc
  .tuple(word, blanks, value, blanks)
  .map(([name, before, text, after]) => ({ name: `x-${name}`, line: `x-${name}:${before}${text}${after}\r\n`, text }));

interface Answer {
  readonly wire: string;
  readonly seen: Omit<Seen, "failure">;
}

/** Any valid answer, and what it means. */
const answer: fc.Arbitrary<Answer> = fc
  .record({
    interim: fc.array(fc.constantFrom(100, 102, 103), { maxLength: 3 }),
    headers: fc.array(otherHeader, { maxLength: 4 }),
    closes: fc.boolean(),
    reason: fc.constantFrom("", " ", " OK", " Not so bad \xe9"),
    body: fc.oneof(
      latin1.map((body) => ({
        ...{ status: 200, lines: `Content-Length: ${body.length}\r\n`, wire: body, body },
        ...{ bodyBytes: body.length, endsItself: true },
      })),
      latin1.map((body) => ({
        ...{ status: 404, lines: "", wire: body, body, bodyBytes: undefined, endsItself: false },
      })),
      fc.constantFrom(204, 304).map((status) => ({
        ...{ status, lines: "content-length: 5\r\n", wire: "", body: "", bodyBytes: 0, endsItself: true },
      })),
      fc
        .record({
          chunks: fc.array(fc.tuple(latin1, fc.constantFrom("", ";a", ' ; a="b;c"', "\t"), fc.boolean())),
          trailers: fc.array(otherHeader, { maxLength: 3 }),
        })
        .map(({ chunks, trailers }) => {
          const filled = chunks.filter(([bytes]) => bytes.length > 0);
          const framed = filled.map(([bytes, extension, upper]) => {
            const size = bytes.length.toString(16);
            return `${upper ? size.toUpperCase() : `00${size}`}${extension}\r\n${bytes}\r\n`;
          });
          return {
            status: 206,
            lines: "Transfer-Encoding: Chunked\r\n",
            wire: `${framed.join("")}0\r\n${trailers.map(({ line }) => line).join("")}\r\n`,
            body: filled.map(([bytes]) => bytes).join(""),
            ...{ bodyBytes: undefined, endsItself: true },
          };
        }),
    ),
  })
  .map(({ interim, headers, closes, reason, body }) => {
    const meant: Record<string, string> = {};
    for (const { name, text } of headers) meant[name] = name in meant ? `${meant[name]}, ${text}` : text;
    for (const [name = "", text = ""] of [body.lines.trim().split(": ")]) if (name) meant[name.toLowerCase()] = text;
    if (closes) meant["connection"] = "Close";
    const others = headers.map(({ line }) => line).join("");
    const before = interim.map((status) => `HTTP/1.1 ${status} Wait\r\nx-hint: a\r\n\r\n`).join("");
    const head = `HTTP/1.1 ${body.status}${reason}\r\n${others}${body.lines}${closes ? "Connection: Close\r\n" : ""}\r\n`;
    const { status, bodyBytes, endsItself } = body;
    const keeps = endsItself && !closes;
    const seen = { interim, status, headers: meant, bodyBytes, body: body.body, ended: true, keeps };
    return { wire: before + head + body.wire, seen };
  });

const places = fc.array(fc.nat(), { maxLength: 12 });

test("a valid answer means the same wherever it is cut", () => {
  fc.assert(
    fc.property(answer, places, ({ wire, seen }, at) => {
      const pieces = cut(Buffer.from(wire, "latin1"), at);
      expect(parse(pieces)).toEqual({ ...seen, failure: undefined });
    }),
    { numRuns: 500 },
  );
});

test("byte after byte, too", () => {
  fc.assert(
    fc.property(answer, ({ wire, seen }) => {
      const pieces = [...Buffer.from(wire, "latin1")].map((byte) => Buffer.of(byte));
      expect(parse(pieces)).toEqual({ ...seen, failure: undefined });
    }),
  );
});

test("what is cut short is no answer, unless nothing but the connection's end delimits it", () => {
  fc.assert(
    fc.property(answer, fc.nat(), ({ wire, seen }, at) => {
      const found = parseText(wire.slice(0, at % wire.length));
      if (found.failure === undefined) expect([found.bodyBytes, found.keeps]).toEqual([undefined, false]);
      else expect(found.failure).toBe("the connection was closed too early");
      expect(seen.body.startsWith(found.body)).toBe(true);
    }),
  );
});

test("bytes that are no answer, or a spoiled one, are refused or understood, and nothing else", () => {
  const spoiled = fc
    .tuple(
      answer,
      fc.array(fc.tuple(fc.nat(), fc.constantFrom("", "\r", "\n", "\0", ":", " ", "9", "\r\n\r\n"))),
      places,
    )
    .map(([{ wire }, changes, at]) => {
      let text = wire;
      for (const [place, put] of changes) {
        const from = place % text.length;
        text = text.slice(0, from) + put + text.slice(from + 1);
      }
      return [Buffer.from(text, "latin1"), at] as const;
    });
  const noise = fc.tuple(fc.uint8Array({ maxLength: 500 }).map(Buffer.from), places);
  fc.assert(
    fc.property(fc.oneof(spoiled, noise), ([bytes, at]) => {
      // And alike however they come.
      expect(parse(cut(bytes, at))).toEqual(parse([bytes]));
    }),
    { numRuns: 1000 },
  );
});

describe("malformed", () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`;
  test.each([
    ["two lengths", `${ok}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    ["a list of lengths", `${ok}content-length: 1, 2\r\n\r\nab`],
    ["a negative length", `${ok}content-length: -1\r\n\r\n`],
    ["a length with a sign", `${ok}content-length: +1\r\n\r\na`],
    ["a length in hex", `${ok}content-length: 0x1\r\n\r\na`],
    ["no digits for a length", `${ok}content-length:\r\n\r\na`],
    ["a length that no number holds", `${ok}content-length: 9999999999999999\r\n\r\na`],
    ["length and chunks", `${ok}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a coding that nobody asked for", `${ok}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["chunks in chunks", `${ok}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a folded line", `${ok}a: b\r\n c\r\n\r\n`],
    ["a first line that is folded", `${ok} a: b\r\n\r\n`],
    ["a bare line feed in a header", `${ok}a: b\nc: d\r\n\r\n`],
    ["a bare line feed in the first line", "HTTP/1.1 200 OK\nContent-Length: 1\n\na\r\n\r\n"],
    ["a bare carriage return", `${ok}a: b\rc\r\n\r\n`],
    ["a zero", `${ok}a: b\0\r\n\r\n`],
    ["a zero in the first line", "HTTP/1.1 200 O\0K\r\n\r\n"],
    ["a blank before the colon", `${ok}content-length : 1\r\n\r\na`],
    ["no colon", `${ok}content-length\r\n\r\na`],
    ["no name", `${ok}: 1\r\n\r\na`],
    ["a blank in front of the name", `${ok}a: b\r\n\tc: 1\r\n\r\na`],
    ["an interim head with a malformed header", `HTTP/1.1 100 Continue\r\na b\r\n\r\n${ok}\r\n`],
    ["empty lines in front", `\r\n\r\n${ok}\r\n`],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["HTTP/2 as a version", "HTTP/2 200 OK\r\n\r\n"],
    ["HTTP/0.9", "<html></html>\r\n\r\n"],
    ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"],
    ["SSH", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    ["lower case", "http/1.1 200 OK\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["a status that there is not", "HTTP/1.1 600 OK\r\n\r\n"],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"],
    ["a chunk without a size", `${chunked}\r\na\r\n0\r\n\r\n`],
    ["a negative chunk", `${chunked}-1\r\na\r\n0\r\n\r\n`],
    ["a chunk that is too large for a number", `${chunked}fffffffffffff\r\na`],
    ["a chunk that is longer than its size", `${chunked}1\r\nab\r\n0\r\n\r\n`],
    ["a chunk size that ends by a line feed", `${chunked}1\na\r\n0\r\n\r\n`],
    ["a line feed in an extension", `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`],
    ["a trailer that is no header", `${chunked}0\r\nno header\r\n\r\n`],
  ])("%s", (_, wire) => {
    const { failure, body } = parseText(wire, false);
    expect(failure).toBeDefined();
    expect(body.length).toBeLessThanOrEqual(1);
  });
});

test.each(["SSH-2.0-OpenSSH_9.6\r\n", "220 mail.example ESMTP\r\n", "\x15\x03\x01", "H2"])(
  "a server that greets with %j speaks no HTTP, which is told at once",
  (greeting) => {
    expect(parseText(greeting, false).failure).toMatch(/does not begin/);
  },
);

describe("bounds", () => {
  const kibibyte = 1024;
  const [blank, letter] = [" ", "a"].map((text) => text.repeat(kibibyte));

  /** How many bytes are taken of what never ends. */
  function taken(start: string, piece: string, most: number): number {
    const parser = new ResponseParser({ onInterim() {}, onHead() {}, onBody() {}, onEnd() {} });
    parser.feed(Buffer.from(start));
    let bytes = 0;
    try {
      for (; bytes <= most; bytes += piece.length) parser.feed(Buffer.from(piece));
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidResponse);
    }
    return bytes;
  }

  test.each([
    ["a first line", "", letter ?? ""],
    ["a header", "HTTP/1.1 200 OK\r\na: ", letter ?? ""],
    ["blanks", "HTTP/1.1 200 OK\r\na:", blank ?? ""],
    ["headers", "HTTP/1.1 200 OK\r\n", `a: ${letter}\r\n`],
    ["interim heads", "", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["a chunk's size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1", "0"],
    ["an extension", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", letter ?? ""],
    ["a trailer", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na:", letter ?? ""],
    ["trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", `a: ${letter}\r\n`],
  ])("%s without an end", (_, start, piece) => {
    expect(taken(start, piece, 400 * kibibyte)).toBeLessThanOrEqual(80 * kibibyte);
  });

  test("a head as large as may be is the same in one piece and in two", () => {
    const head = (bytes: number) => `${"HTTP/1.1 200 OK\r\na: ".padEnd(bytes, "x")}\r\n\r\n`;
    for (const size of [64 * kibibyte - 1, 64 * kibibyte, 64 * kibibyte + 1]) {
      const wire = Buffer.from(head(size));
      const whole = parse([wire]);
      expect(whole.status).toBe(size > 64 * kibibyte ? undefined : 200);
      for (let end = 1; end <= 5; end++) expect(parse(cut(wire, [wire.length - end]))).toEqual(whole);
    }
  });

  test.each([
    ["a header", `HTTP/1.1 200 OK\r\na: x${" ".repeat(60 * kibibyte)}y\r\n\r\n`],
    ["a length", `HTTP/1.1 200 OK\r\ncontent-length: 1${" ".repeat(60 * kibibyte)}1\r\n\r\n`],
  ])("blanks within %s cost no time that grows with their square", (_, wire) => {
    const start = performance.now();
    parseText(wire);
    // Less than a millisecond; their square took seconds.
    expect(performance.now() - start).toBeLessThan(500);
  });
});

test("names that objects have already are headers like others", () => {
  const { headers } = parseText("HTTP/1.1 200 OK\r\nconstructor: a\r\n__proto__: b\r\n\r\n");
  expect(Object.entries(headers)).toEqual([
    ["constructor", "a"],
    ["__proto__", "b"],
  ]);
});

test("the same length twice is one length", () => {
  expect(parseText("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na")).toMatchObject({
    ...{ body: "a", ended: true, keeps: true },
  });
});

describe("the connection", () => {
  const lengthy = "content-length: 1\r\n\r\na";
  test.each([
    ["is kept", `HTTP/1.1 200 OK\r\n${lengthy}`, true],
    ["is kept where the server says so", `HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\n${lengthy}`, true],
    ["is closed where the server says so", `HTTP/1.1 200 OK\r\nConnection: foo ,\tCLOSE\r\n${lengthy}`, false],
    ["is kept for options that are only like it", `HTTP/1.1 200 OK\r\nconnection: not-close\r\n${lengthy}`, true],
    ["is not kept by HTTP/1.0", `HTTP/1.0 200 OK\r\n${lengthy}`, false],
    ["is not kept by HTTP/1.0, whatever it says", `HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n${lengthy}`, false],
    ["is of no use where its end is the body's", "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\na", false],
    ["is of no use where more came than the answer", `HTTP/1.1 200 OK\r\n${lengthy}b`, false],
    ["is of no use where more came than nothing", "HTTP/1.1 204 No Content\r\ncontent-length: 1\r\n\r\na", false],
  ])("%s", (_, wire, keeps) => {
    const whole = parseText(wire);
    expect(whole).toMatchObject({ failure: undefined, ended: true, keeps });
    const pieces = [...Buffer.from(wire)].map((byte) => Buffer.of(byte));
    expect(parse(pieces)).toEqual(whole);
  });
});

describe("the response to HEAD has no body", () => {
  test.each([
    ["with the length that GET would have", "content-length: 5\r\n", true],
    ["with the coding that GET would have", "transfer-encoding: chunked\r\n", true],
    ["with neither", "", true],
    ["where the server closes the connection", "connection: close\r\ncontent-length: 5\r\n", false],
  ])("%s", (_, lines, keeps) => {
    for (const status of [200, 404, 503]) {
      const pieces = [...Buffer.from(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ${status} x\r\n${lines}\r\n`)];
      const seen = parse(
        pieces.map((byte) => Buffer.of(byte)),
        false,
        "HEAD",
      );
      expect(seen).toMatchObject({ status, bodyBytes: 0, body: "", ended: true, keeps, failure: undefined });
    }
  });

  test("and a server that sends one all the same loses the connection", () => {
    const wire = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na");
    expect(parse([wire], true, "HEAD")).toMatchObject({ body: "", ended: true, keeps: false, failure: undefined });
  });
});
