import { createHash } from "node:crypto";
import { encodeModifiedUtf8 } from "../serialization/modified-utf8.ts";

/**
 * The number RMI knows a remote method by: the first 8 bytes, least significant first, of the SHA-1 over u2 length and
 * modified UTF-8 of name and JVM descriptor, as in "isRegistered(Ljavax/management/ObjectName;...)Z".
 */
export function methodHash(signature: string): bigint {
  const known = hashes.get(signature);
  if (known !== undefined) return known;
  const text = encodeModifiedUtf8(signature);
  const length = Buffer.of(text.length >> 8, text.length & 0xff);
  const hash = createHash("sha1").update(length).update(text).digest().readBigInt64LE(0);
  hashes.set(signature, hash);
  return hash;
}

/** Signatures are a closed set of constants, so this does not grow. */
const hashes = new Map<string, bigint>();
