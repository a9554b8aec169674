/**
 * AWS Signature Version 4, of requests and of the chunks of a body:
 *
 *   canonical request = method \n path \n query \n *(header ":" value \n) \n header names \n payload hash
 *   string to sign    = "AWS4-HMAC-SHA256" \n time \n date/region/service/aws4_request \n SHA-256 of the canonical request
 *   of a chunk        = "AWS4-HMAC-SHA256-PAYLOAD" \n time \n scope \n former signature \n SHA-256 of "" \n SHA-256 of chunk
 */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { sortedQuery } from "../http/http.ts";

export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SigningScope {
  readonly region: string;
  /** "s3". */
  readonly service: string;
}

export interface SignableRequest {
  readonly method: string;
  /** Encoded, with its leading slash. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** In lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, or one of the names that stand for it. */
  readonly payloadHash: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
}

export type SignChunk = (chunk: Uint8Array) => string;

export interface Signed {
  /** The request's own and those that signing adds. */
  readonly headers: Readonly<Record<string, string>>;
  /** Signs the chunks of the body, in order, the empty one at the end included. */
  readonly signChunk: SignChunk;
}

/** Proxies may change or remove these. */
const unsignedHeaders = new Set(["connection", "expect"]);
export const emptyHash = sha256("");

export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

/** Signs requests to one service. */
export class Signer {
  readonly #scope: SigningScope;
  /** A day's key: making it costs as much as four signatures, and a signature by bare bytes as much as ten. */
  #key: { readonly of: string; readonly key: KeyObject } | undefined;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  sign(request: SignableRequest, { accessKeyId, secretAccessKey, sessionToken }: SigningIdentity): Signed {
    const time = new Date(request.timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
    const date = time.slice(0, 8);
    const { region, service } = this.#scope;
    const scope = `${date}/${region}/${service}/aws4_request`;
    const key = this.#keyOf(secretAccessKey, date);
    const headers: Record<string, string> = {
      ...request.headers,
      "x-amz-content-sha256": request.payloadHash,
      "x-amz-date": time,
    };
    if (sessionToken !== undefined) headers["x-amz-security-token"] = sessionToken;
    const names = Object.keys(headers)
      .filter((name) => !unsignedHeaders.has(name))
      .sort();
    const canonical = [
      request.method,
      request.path,
      sortedQuery(request.query),
      ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/\s+/g, " ")}`),
      "",
      names.join(";"),
      request.payloadHash,
    ].join("\n");
    const hmac = (text: string) => createHmac("sha256", key).update(text).digest("hex");
    let signature = hmac(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`);
    const credential = `Credential=${accessKeyId}/${scope}`;
    const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
    const signChunk = (chunk: Uint8Array) => {
      const chunkHash = chunk.length === 0 ? emptyHash : sha256(chunk);
      signature = hmac(`AWS4-HMAC-SHA256-PAYLOAD\n${time}\n${scope}\n${signature}\n${emptyHash}\n${chunkHash}`);
      return signature;
    };
    return { headers: { ...headers, authorization }, signChunk };
  }

  #keyOf(secretAccessKey: string, date: string): KeyObject {
    const of = `${date}/${secretAccessKey}`;
    if (this.#key?.of === of) return this.#key.key;
    const steps = [date, this.#scope.region, this.#scope.service, "aws4_request"];
    const bytes = steps.reduce<Buffer>(
      (key, step) => createHmac("sha256", key).update(step).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    );
    const key = createSecretKey(bytes);
    this.#key = { of, key };
    return key;
  }
}
