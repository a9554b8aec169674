/**
 * Signatures with an account's key (Shared Key).
 *
 *   string to sign = method \n content-encoding \n content-language \n content-length \n content-md5 \n content-type \n
 *                    date \n if-modified-since \n if-match \n if-none-match \n if-unmodified-since \n range \n
 *                    *(name ":" value \n) "/" account path *(\n name ":" value)
 *
 * The headers are those of Azure's own, the parameters are decoded; both are sorted by name.
 */
import { createHmac } from "node:crypto";

export interface KeySignable {
  readonly method: string;
  /** Encoded, with its leading slash. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** In lower case, `x-ms-date` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

const signedHeaders = [
  "content-encoding",
  "content-language",
  "content-length",
  "content-md5",
  "content-type",
  "date",
  "if-modified-since",
  "if-match",
  "if-none-match",
  "if-unmodified-since",
  "range",
] as const;

/** The `authorization` of the request. */
export function keySignature({ method, path, query, headers }: KeySignable, account: string, key: Buffer): string {
  const own = Object.keys(headers)
    .filter((name) => name.startsWith("x-ms-"))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const text = [
    method,
    // A body of no bytes counts as none.
    ...signedHeaders.map((name) => (name === "content-length" && headers[name] === "0" ? "" : (headers[name] ?? ""))),
    ...own.map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    `/${account}${path}`,
    ...Object.keys(query)
      .sort()
      .map((name) => `${name}:${query[name]}`),
  ].join("\n");
  return `SharedKey ${account}:${createHmac("sha256", key).update(text).digest("base64")}`;
}

/** The store sorts as .NET does: hyphens do not count, and "_" comes before digits. */
function sortKey(name: string): string {
  return name.replaceAll("-", "").replaceAll("_", "!");
}
