/**
 * Signature version 4, as all S3 servers want it, for the requests that carry objects.
 *
 *   string to sign = "AWS4-HMAC-SHA256" \n time \n date/region/s3/aws4_request \n SHA-256 of the canonical request
 *   of a chunk     = "AWS4-HMAC-SHA256-PAYLOAD" \n time \n scope \n former signature \n SHA-256 of "" \n SHA-256 of chunk
 */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { sortedQuery } from "../http/http.ts";

export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly region: string;
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

export interface Signed {
  /** The request's own and those that signing adds. */
  readonly headers: Readonly<Record<string, string>>;
  /** Signs the chunks of the body, in order, the empty one at the end included. */
  readonly signChunk: (chunk: Uint8Array) => string;
}

/** These change on the way, or are no business of the signature. */
const unsignedHeaders = new Set(["expect", "connection"]);
export const emptyHash = sha256("");

export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

export class Signer {
  /** A day's key; making it costs four times what a signature does, and from bytes alone a signature costs ten times more. */
  #key: { readonly of: string; readonly key: KeyObject } | undefined;

  sign(request: SignableRequest, identity: SigningIdentity): Signed {
    const time = new Date(request.timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
    const date = time.slice(0, 8);
    const scope = `${date}/${identity.region}/s3/aws4_request`;
    const key = this.#keyOf(identity, date);
    const { sessionToken } = identity;
    const headers: Record<string, string> = {
      ...request.headers,
      "x-amz-content-sha256": request.payloadHash,
      "x-amz-date": time,
      ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
    };
    const names = Object.keys(headers)
      .filter((name) => !unsignedHeaders.has(name))
      .sort();
    const canonical = [
      request.method,
      request.path,
      sortedQuery(request.query),
      ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
      "",
      names.join(";"),
      request.payloadHash,
    ].join("\n");
    const hmac = (text: string) => createHmac("sha256", key).update(text).digest("hex");
    let signature = hmac(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`);
    const credential = `${identity.accessKeyId}/${scope}`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
    const signChunk = (chunk: Uint8Array) => {
      signature = hmac(
        `AWS4-HMAC-SHA256-PAYLOAD\n${time}\n${scope}\n${signature}\n${emptyHash}\n${chunk.length === 0 ? emptyHash : sha256(chunk)}`,
      );
      return signature;
    };
    return { headers: { ...headers, authorization }, signChunk };
  }

  #keyOf({ secretAccessKey, region }: SigningIdentity, date: string): KeyObject {
    const of = `${date}/${region}/${secretAccessKey}`;
    if (this.#key?.of === of) return this.#key.key;
    const steps = [date, region, "s3", "aws4_request"];
    const bytes = steps.reduce<Buffer>(
      (key, step) => createHmac("sha256", key).update(step).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    );
    const key = createSecretKey(bytes);
    this.#key = { of, key };
    return key;
  }
}
