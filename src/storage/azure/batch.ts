/**
 * Several requests in the body of one (Blob Batch), and their responses in the body of its response:
 *
 *   --boundary                                   --boundary
 *   Content-Type: application/http               Content-Type: application/http
 *   Content-Transfer-Encoding: binary            Content-ID: 0
 *   Content-ID: 0
 *                                                HTTP/1.1 404 The specified blob does not exist.
 *   DELETE /container/blob HTTP/1.1              x-ms-error-code: BlobNotFound
 *   x-ms-date: …
 *                                                <?xml …
 *   --boundary--                                 --boundary--
 *
 * Responses come in any order. A batch that fails as a whole has a single response, without a Content-ID.
 */
import type { EmbeddedRequest } from "./wire.ts";

export interface BatchedResponse {
  readonly status: number;
  /** Empty where the request has succeeded. */
  readonly code: string;
}

export function batchBody(boundary: string, method: string, requests: readonly EmbeddedRequest[]): string {
  const parts = requests.map(({ target, headers }, id) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return (
      `--${boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: ${id}\r\n\r\n` +
      `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`
    );
  });
  return `${parts.join("")}--${boundary}--\r\n`;
}

/** The responses by the numbers of their requests. Throws a plain Error for a body that is no such response to `count` requests. */
export function parseBatch(contentType: string | undefined, body: string, count: number): readonly BatchedResponse[] {
  const boundary = /^multipart\/mixed\s*;.*\bboundary="?([^";]+)"?/i.exec(contentType ?? "")?.[1];
  if (boundary === undefined) throw new Error("its type is not multipart/mixed with a boundary");
  const [inside, epilogue] = `\r\n${body}`.split(`\r\n--${boundary}--`);
  if (inside === undefined || epilogue === undefined) throw new Error("its last boundary is missing");
  const parts = inside.split(`\r\n--${boundary}\r\n`).slice(1);
  const responses = new Map<number, BatchedResponse>();
  for (const part of parts) {
    const [head = "", response = ""] = splitOnce(part, "\r\n\r\n");
    const status = /^HTTP\/1\.1 (\d{3})\b/.exec(response)?.[1];
    if (status === undefined) throw new Error("a part of it is no HTTP response");
    const code = headerIn(splitOnce(response, "\r\n\r\n")[0] ?? "", "x-ms-error-code") ?? "";
    const id = headerIn(head, "content-id");
    const answer = { status: Number(status), code };
    if (id !== undefined && /^\d{1,9}$/.test(id)) responses.set(Number(id), answer);
    else if (parts.length === 1) return Array.from({ length: count }, () => answer);
  }
  return Array.from({ length: count }, (_, id) => {
    const answer = responses.get(id);
    if (answer === undefined) throw new Error(`it has no response to request ${id}`);
    return answer;
  });
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function headerIn(head: string, name: string): string | undefined {
  const prefix = `${name}:`;
  const line = head.split("\r\n").find((text) => text.slice(0, prefix.length).toLowerCase() === prefix);
  return line?.slice(prefix.length).trim();
}
