/**
 * Signature version 4, by AWS's own library. Of chunks, which the library does not know, it signs the text:
 *
 *   "AWS4-HMAC-SHA256-PAYLOAD" \n time \n date/region/service/aws4_request \n former signature \n SHA-256 of "" \n SHA-256 of chunk
 */
import { hash } from "node:crypto";
import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";

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

export type SignChunk = (chunk: Uint8Array) => Promise<string>;

export interface Signed {
  /** The request's own and those that signing adds. */
  readonly headers: Readonly<Record<string, string>>;
  /** Signs the chunks of the body, in order, the empty one at the end included. */
  readonly signChunk: SignChunk;
}

export const emptyHash = sha256("");

export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

export async function signRequest(
  { method, path, query, headers, payloadHash, timeMs }: SignableRequest,
  { accessKeyId, secretAccessKey, sessionToken }: SigningIdentity,
  { region, service }: SigningScope,
): Promise<Signed> {
  const token = sessionToken === undefined ? {} : { sessionToken };
  const credentials = { accessKeyId, secretAccessKey, ...token };
  // The path is encoded once, as S3 wants it; other services get no other path than "/".
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256, uriEscapePath: false });
  const signingDate = new Date(timeMs);
  const signed = await signer.sign(
    {
      ...{ method, path, query: { ...query }, protocol: "https:", hostname: headers["host"] ?? "" },
      headers: { ...headers, "x-amz-content-sha256": payloadHash },
    },
    { signingDate },
  );
  const time = signed.headers["x-amz-date"] ?? "";
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  let signature = /Signature=([0-9a-f]{64})$/.exec(signed.headers["authorization"] ?? "")?.[1] ?? "";
  const signChunk = async (chunk: Uint8Array) => {
    const chunkHash = chunk.length === 0 ? emptyHash : sha256(chunk);
    const text = ["AWS4-HMAC-SHA256-PAYLOAD", time, scope, signature, emptyHash, chunkHash].join("\n");
    signature = await signer.sign(text, { signingDate });
    return signature;
  };
  return { headers: signed.headers, signChunk };
}
