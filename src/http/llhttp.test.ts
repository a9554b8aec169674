/**
 * Our parser beside llhttp, which Node's own client uses, in its strict mode: the same bytes from a real socket must come
 * to the same verdict, status, headers and body. Where they differ on purpose, {@link deliberate} says why.
 */
import { get } from "node:http";
import { createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { patient } from "../../test/harness/patience.ts";
import { AppError } from "../errors.ts";
import { exchange, makeAgents } from "./http.ts";

interface Accepted {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
type Verdict = Accepted | "rejected";

interface Difference {
  readonly name: string;
  readonly ours: "stricter" | "more lenient" | "of another meaning";
  readonly why: string;
  /** Of the bytes as latin1. */
  readonly where: RegExp;
  readonly example: string;
}

const deliberate: readonly Difference[] = [
  {
    name: "empty lines before the status line",
    ours: "stricter",
    why: "RFC 9112 lets servers skip them before requests, and has nothing of the kind for clients",
    where: /(?:^|\r\n\r\n)[\r\n]/,
    example: "\r\nHTTP/1.1 200 OK\r\n\r\n",
  },
  {
    name: "versions other than 1.0 and 1.1",
    ours: "stricter",
    why: "the message would be framed by rules that nobody knows",
    where: /HTTP\/(?!1\.[01])/,
    example: "HTTP/2.0 200 OK\r\n\r\n",
  },
  {
    name: "a status that is none of 100 to 599",
    ours: "stricter",
    why: "RFC 9110 has no class for it, so that nobody knows whether something was refused",
    where: /HTTP\/1\.[01] [06-9]\d\d/,
    example: "HTTP/1.1 600 OK\r\n\r\n",
  },
  {
    name: "101",
    ours: "stricter",
    why: "no request asks for another protocol, and what follows is none of HTTP",
    where: /HTTP\/1\.[01] 101/,
    example: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  },
  {
    name: "control characters in a reason phrase",
    ours: "stricter",
    why: "RFC 9112 has none there",
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
    where: /HTTP\/1\.[01] \d{3}[^\r\n]*[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/,
    example: "HTTP/1.1 200 O\0K\r\n\r\n",
  },
  {
    name: "transfer codings other than chunked alone",
    ours: "stricter",
    why: "nobody decodes them, and the bytes would be taken for the object's",
    where: /transfer-encoding:(?![ \t]*chunked[ \t]*\r\n)|transfer-encoding:.*transfer-encoding:/is,
    example: "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  },
  {
    name: "one Content-Length that is told several times",
    ours: "more lenient",
    why: "RFC 9110 lets a recipient take several equal lengths as one, and proxies make them",
    where: /content-length:[^\r\n]*,|content-length:.*\r\ncontent-length:/is,
    example: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab",
  },
  {
    name: "a tab behind the name of a transfer coding",
    ours: "of another meaning",
    why: "RFC 9110 has blanks around a value removed, and llhttp reads such a body until the connection ends",
    where: /transfer-encoding:[ \t]*chunked *\t/i,
    example: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\t\r\n\r\n2\r\nab\r\n0\r\n\r\n",
  },
  {
    name: "chunk extensions of any form",
    ours: "more lenient",
    why: "RFC 9112 has a recipient ignore them, and no byte of the body can be among them",
    where: /\r\n[0-9a-f]+[ \t]*;[^\r\n]*\r\n/i,
    example: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a b\r\nab\r\n0\r\n\r\n",
  },
  {
    name: "blanks behind the size of a chunk",
    ours: "more lenient",
    why: "some servers pad the size with them, and no byte of the body can be among them",
    where: /\r\n[0-9a-f]+[ \t]+(?:;|\r\n)/i,
    example: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2 \r\nab\r\n0\r\n\r\n",
  },
];

let url: URL;
let wire = Buffer.alloc(0);
const timeouts = { connectMs: 5000, idleMs: 5000 };
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  socket.once("data", () => socket.end(wire));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = new URL(`http://127.0.0.1:${address.port}`);
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function ourVerdict(): Promise<Verdict> {
  // No connection is kept: the server closes each.
  const agents = await makeAgents({});
  const failure = (cause: unknown) => new AppError("unreachable", "no response", { cause });
  const terms = { what: "test", agents, timeouts, accepts: () => true, serviceError: failure, failure };
  try {
    const { status, headers, stream } = await exchange({ method: "GET", url, path: "/", headers: {} }, terms);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    return { status, headers, body: Buffer.concat(chunks).toString("latin1") };
  } catch {
    return "rejected";
  } finally {
    agents.close();
  }
}

function nodesVerdict(): Promise<Verdict> {
  return new Promise((resolve) => {
    let hasHead = false;
    const request = get(url, { agent: false, insecureHTTPParser: false, maxHeaderSize: 64 * 1024 }, (response) => {
      hasHead = true;
      const { statusCode: status = 0, rawHeaders } = response;
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", () => undefined);
      response.on("close", () => {
        const body = Buffer.concat(chunks).toString("latin1");
        resolve(response.complete ? { status, headers: joined(rawHeaders), body } : "rejected");
      });
    });
    request.on("error", () => {
      if (!hasHead) resolve("rejected");
    });
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: {}, body: "" });
    });
  });
}

/** As both of ours have them: names in lower case, and what comes twice joined by a comma. */
function joined(raw: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < raw.length; at += 2) {
    const [name = "", text = ""] = raw.slice(at, at + 2);
    const former = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), former === undefined ? text : `${former}, ${text}`);
  }
  return Object.fromEntries(headers);
}

async function verdictsOn(text: string): Promise<readonly [Verdict, Verdict]> {
  wire = Buffer.from(text, "latin1");
  return Promise.all([ourVerdict(), nodesVerdict()]);
}

async function expectAgreement(text: string): Promise<void> {
  const [ours, nodes] = await verdictsOn(text);
  const isListed = (kind: Difference["ours"]) =>
    deliberate.some(({ ours: difference, where }) => difference === kind && where.test(text));
  if (isListed("of another meaning")) return;
  if (ours === "rejected" && nodes !== "rejected" && isListed("stricter")) return;
  if (ours !== "rejected" && nodes === "rejected" && isListed("more lenient")) return;
  expect({ wire: text, verdict: ours }).toEqual({ wire: text, verdict: nodes });
}

const status = fc.constantFrom(200, 200, 200, 204, 205, 206, 304, 404, 500, 100, 101, 103, 600, 99);
const firstLine = fc.oneof(
  { weight: 6, arbitrary: status.map((code) => `HTTP/1.1 ${code} OK`) },
  fc.constantFrom("HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 \xe9\t!", "HTTP/2.0 200 OK"),
  fc.constantFrom("HTTP/1.1  200 OK", "HTTP/1.1 2000 OK", "http/1.1 200 OK", "HTTP/1.1\t200 OK", "\r\nHTTP/1.1 200 OK"),
);
const framing = fc.constantFrom(
  ...["Content-Length: 5", "content-length: 5 ", "content-length: 0", "content-length: 05", "content-length: 5, 5"],
  ...["content-length: +5", "content-length: 0x5", "content-length: 5 5", "content-length:", "content-length: -1"],
  ...["content-length: 99999999999999999999", "transfer-encoding: chunked", "Transfer-Encoding:\tCHUNKED"],
  ...["transfer-encoding: gzip, chunked", "transfer-encoding: chunked, gzip", "transfer-encoding: identity"],
  ...["transfer-encoding: xchunked", "transfer-encoding: chunked;a=b", "transfer-encoding: chunked, chunked"],
);
const otherHeader = fc.oneof(
  fc.constantFrom("x: a", "x:a", "x:", "X: \tb\t ", "set-cookie: a=b", "Connection: close", "connection: keep-alive"),
  fc.constantFrom("x : a", " x: a", ": a", "x", "x\t: a", "x: a\x7fb", "x: a\x01b", "x: \xe9", "x(): a", "x: a\0b"),
  fc.constantFrom("upgrade: h2c", "connection: upgrade", "x: a\r\n b", "x: a\rb", "x: a\nb: c", "content-type: a"),
);
const chunk = fc.constantFrom(
  ...[
    "3\r\nabc\r\n",
    "003\r\nabc\r\n",
    "A\r\n0123456789\r\n",
    "3;a\r\nabc\r\n",
    '3;a="b;c"\r\nabc\r\n',
    "3 ;a\r\nabc\r\n",
  ],
  ...["3 \r\nabc\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "g\r\nabc\r\n", "\r\nabc\r\n", "-3\r\nabc\r\n"],
  ...["0x3\r\nabc\r\n", "3;\r\nabc\r\n", "3;a=\r\nabc\r\n", "3;a b\r\nabc\r\n", "fffffffffffffffff\r\nabc\r\n"],
);
const body = fc.oneof(
  fc.constantFrom("", "abc", "abcde", "abcdefgh"),
  fc
    .tuple(
      fc.array(chunk, { maxLength: 2 }),
      fc.constantFrom("0\r\n\r\n", "0\r\nx: a\r\n\r\n", "0\r\nx\r\n\r\n", "0\r\n", ""),
    )
    .map(([chunks, end]) => chunks.join("") + end),
);
const interim = fc.constantFrom("", "", "", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Hints\r\nx: a\r\n\r\n");
const lines = fc.tuple(firstLine, fc.array(fc.oneof(framing, otherHeader), { maxLength: 3 }));
const response = fc
  .tuple(interim, lines, body)
  .map(([before, [first, headers], rest]) => `${before}${[first, ...headers].join("\r\n")}\r\n\r\n${rest}`);
/** One byte of it replaced, dropped, or put in before. */
const spoiled = fc
  .tuple(
    response,
    fc.nat(),
    fc.constantFrom("\r", "\n", "\0", " ", "\t", ":", "0", "1", ";", "a", "\x80", ""),
    fc.boolean(),
  )
  .map(([text, place, byte, replaces]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + byte + text.slice(replaces ? at + 1 : at);
  });

/** ESOP_SOAK_ROUNDS=20000 looks at so many others. */
const { ESOP_SOAK_ROUNDS: rounds } = process.env;
const runs = rounds === undefined ? { numRuns: 800, seed: 1 } : { numRuns: Number(rounds) };

test("any response, whole and spoiled, comes to the same verdict as by llhttp", {
  timeout: patient(30 * runs.numRuns),
}, async () => {
  await fc.assert(fc.asyncProperty(fc.oneof(response, spoiled), expectAgreement), runs);
});

const head = "HTTP/1.1 200 OK\r\n";
const chunked = `${head}transfer-encoding: chunked\r\n\r\n`;
test.each([
  ["nothing", ""],
  ["no head's end", `${head}x: a\r\n`],
  ["a length and chunks", `${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["two lengths", `${head}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
  ["a length of blanks", `${head}content-length:  \r\n\r\n`],
  ["a length behind a vertical tab", `${head}content-length: \v2\r\n\r\nab`],
  ["a name with a blank behind it", `${head}content-length : 2\r\n\r\nab`],
  ["a name behind a blank", `${head} content-length: 2\r\n\r\nab`],
  ["a folded length", `${head}content-length:\r\n 2\r\n\r\nab`],
  ["a length hidden by a bare CR", `${head}x: a\rcontent-length: 2\r\n\r\nab`],
  ["a length hidden by a bare LF", `${head}x: a\ncontent-length: 2\r\n\r\nab`],
  ["a head that ends by bare LFs", "HTTP/1.1 200 OK\ncontent-length: 2\n\nab"],
  ["less than its length", `${head}content-length: 3\r\n\r\nab`],
  ["more than its length", `${head}content-length: 1\r\n\r\nab`],
  ["another response behind it", `${head}content-length: 1\r\n\r\na${head}content-length: 1\r\n\r\nb`],
  ["a chunk shorter than its size", `${chunked}3\r\nab\r\n0\r\n\r\n`],
  ["a chunk longer than its size", `${chunked}1\r\nab\r\n0\r\n\r\n`],
  ["a negative chunk", `${chunked}-1\r\na\r\n0\r\n\r\n`],
  ["a chunk beyond any number", `${chunked}ffffffffffffffffff\r\na\r\n0\r\n\r\n`],
  ["a chunk with 0x", `${chunked}0x1\r\na\r\n0\r\n\r\n`],
  ["a chunk that ends by a bare LF", `${chunked}1\r\na\n0\r\n\r\n`],
  ["a size that ends by a bare LF", `${chunked}1\na\r\n0\r\n\r\n`],
  ["an extension with a bare LF", `${chunked}1;x\ny\r\na\r\n0\r\n\r\n`],
  ["no last chunk", `${chunked}1\r\na\r\n`],
  ["half a last chunk", `${chunked}1\r\na\r\n0\r\n`],
  ["a trailer that is no header", `${chunked}0\r\nx\r\n\r\n`],
  ["a 204 with a malformed length", "HTTP/1.1 204 No\r\ncontent-length: +5\r\n\r\n"],
  ["a 304 with a length and chunks", "HTTP/1.1 304 No\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"],
  [
    "an interim response with a length",
    `HTTP/1.1 103 Hints\r\ncontent-length: 3\r\n\r\n${head}content-length: 0\r\n\r\n`,
  ],
  ["an interim response alone", "HTTP/1.1 100 Continue\r\n\r\n"],
  ["a byte order mark", `\xef\xbb\xbf${head}\r\n`],
  ["HTTP/0.9", "just bytes"],
])("%s comes to the same verdict as by llhttp", (_, text) => expectAgreement(text));

test.each(deliberate)("$name: ours is $ours, as $why", async ({ ours: difference, where, example }) => {
  const [ours, nodes] = await verdictsOn(example);
  expect(ours).not.toEqual(nodes);
  expect(ours === "rejected").toBe(difference === "stricter");
  expect(nodes === "rejected").toBe(difference === "more lenient");
  expect(example).toMatch(where);
});
