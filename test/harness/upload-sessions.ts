/**
 * Stands before a server of Google Cloud Storage that does resumable uploads only roughly, and does them as Google's
 * documentation has it: a session knows what it has, tells it, ignores bytes that it has already, keeps multiples of
 * 256 KiB of a chunk that is cut off, compares the checksum that comes with the last one, and makes the object then.
 */
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { crc32c } from "@node-rs/crc32";
import { listening } from "./listening.ts";

export interface UploadSessions extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: string;
  /** Of the next chunk only so many bytes are taken. */
  takeAtMost(bytes: number): void;
  /** All that are under way are gone. */
  forget(): void;
}

interface Session {
  readonly target: string;
  readonly resource: object;
  readonly sizeBytes: number;
  bytes: Buffer;
  made: string | undefined;
}

const unit = 256 * 1024;

export async function uploadSessions(server: { readonly endpoint: string }): Promise<UploadSessions> {
  const sessions = new Map<string, Session>();
  let begun = 0;
  let most = Number.MAX_SAFE_INTEGER;

  const begin = async (url: URL, incoming: IncomingMessage, outgoing: ServerResponse) => {
    begun += 1;
    const id = `session ${begun}`;
    url.searchParams.set("uploadType", "multipart");
    const { bytes } = await bodyOf(incoming);
    sessions.set(id, {
      target: `${server.endpoint}${url.pathname}${url.search}`,
      resource: JSON.parse(bytes.toString("utf8")),
      sizeBytes: Number(incoming.headers["x-upload-content-length"]),
      bytes: Buffer.alloc(0),
      made: undefined,
    });
    // Of a host that nobody must send a token to.
    const location = `http://elsewhere.invalid${url.pathname}?uploadType=resumable&upload_id=${encodeURIComponent(id)}`;
    outgoing.writeHead(200, { location }).end("{}");
  };

  const proceed = async (id: string, incoming: IncomingMessage, outgoing: ServerResponse) => {
    const session = sessions.get(id);
    const { bytes, isWhole } = await bodyOf(incoming);
    if (session === undefined) return void outgoing.writeHead(410).end();
    const range = /^bytes (\*|(\d+)-(\d+))\/(\d+)$/.exec(incoming.headers["content-range"] ?? "");
    const [start, end] = [Number(range?.[2]), Number(range?.[3])];
    if (Number(range?.[4]) !== session.sizeBytes) return void refuse(outgoing, "no range");
    if (session.made === undefined && range?.[1] !== "*") {
      if (start > session.bytes.length) return void refuse(outgoing, "a gap");
      if (isWhole && bytes.length !== end + 1 - start) return void refuse(outgoing, "a wrong length");
      const isLast = end + 1 === session.sizeBytes;
      if (!isLast && (end + 1 - start) % unit !== 0) return void refuse(outgoing, "an odd length");
      const fresh = bytes.subarray(session.bytes.length - start);
      const takesAll = isWhole && fresh.length <= most;
      const taken = takesAll ? fresh.length : Math.floor(Math.min(fresh.length, most) / unit) * unit;
      session.bytes = Buffer.concat([session.bytes, fresh.subarray(0, taken)]);
      most = Number.MAX_SAFE_INTEGER;
      const hash = incoming.headers["x-goog-hash"];
      if (session.bytes.length === session.sizeBytes && hash !== `crc32c=${checksumOf(session.bytes)}`) {
        sessions.delete(id);
        return void refuse(outgoing, "the checksum does not match");
      }
    }
    if (!isWhole) return;
    if (session.bytes.length < session.sizeBytes) {
      const has = session.bytes.length;
      outgoing.writeHead(308, has === 0 ? {} : { range: `bytes=0-${has - 1}` }).end();
      return;
    }
    if (session.made === undefined) {
      const { status, text } = await make(session);
      if (status !== 200) return void outgoing.writeHead(status).end(text);
      session.made = text;
    }
    outgoing.writeHead(200, { "content-type": "application/json" }).end(session.made);
  };

  const front = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "/", server.endpoint);
    const id = url.searchParams.get("upload_id");
    const isBegin = id === null && url.searchParams.get("uploadType") === "resumable";
    const done = isBegin
      ? begin(url, incoming, outgoing)
      : id === null
        ? pass(server.endpoint, incoming, outgoing)
        : proceed(id, incoming, outgoing);
    done.catch(() => outgoing.destroy());
  });
  const { address: endpoint, port, ...rest } = await listening(front);
  return {
    ...rest,
    port,
    endpoint,
    takeAtMost: (bytes) => {
      most = bytes;
    },
    forget: () => sessions.clear(),
  };
}

function checksumOf(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(bytes));
  return checksum.toString("base64");
}

function refuse(outgoing: ServerResponse, message: string): void {
  outgoing.writeHead(400).end(JSON.stringify({ error: { code: 400, message, errors: [{ reason: "invalid" }] } }));
}

/** Not whole where the client has gone away before its end. */
async function bodyOf(incoming: IncomingMessage): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    // What has come is kept.
  }
  return { bytes: Buffer.concat(chunks), isWhole: incoming.complete };
}

async function make({ target, resource, bytes }: Session): Promise<{ readonly status: number; readonly text: string }> {
  const part = (type: string) => `--b-o-u-n-d\r\ncontent-type: ${type}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(`${part("application/json")}${JSON.stringify(resource)}\r\n${part("application/octet-stream")}`),
    bytes,
    Buffer.from("\r\n--b-o-u-n-d--\r\n"),
  ]);
  const headers = { "content-type": "multipart/related; boundary=b-o-u-n-d" };
  const response = await fetch(target, { method: "POST", body, headers });
  return { status: response.status, text: await response.text() };
}

async function pass(endpoint: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = "GET", headers, url = "/" } = incoming;
  const forwarded = httpRequest(`${endpoint}${url}`, { method, headers });
  incoming.pipe(forwarded);
  const [answer]: IncomingMessage[] = await once(forwarded, "response");
  outgoing.writeHead(answer?.statusCode ?? 502, answer?.headers);
  answer?.pipe(outgoing);
}
