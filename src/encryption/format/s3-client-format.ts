/**
 * The object formats of the AWS S3 Encryption Client with a KMS key. A stored object is
 *
 *   AES-256-GCM ciphertext, as long as the plaintext || 16-byte tag
 *
 * and everything else is in its metadata, binary values in base64:
 *
 *   format 3 (115)          format 2
 *   x-amz-3                 x-amz-key-v2     the data key, wrapped by the KMS
 *   x-amz-w: 12             x-amz-wrap-alg: kms+context
 *   x-amz-t                 x-amz-matdesc    JSON of the encryption context that the KMS wrapped it with
 *   x-amz-c: 115            x-amz-cek-alg: AES/GCM/NoPadding, x-amz-tag-len: 128
 *   x-amz-i                                  message id, 28 random bytes: the salt of the key derivation
 *   x-amz-d                                  commitment, 28 bytes derived from data key and message id
 *                           x-amz-iv         12 bytes
 *
 * In format 3 the content key is derived from the data key, and the IV is fixed; in format 2 the data key is the content
 * key. Format 3 is what is written.
 */
import { hkdfSync, timingSafeEqual } from "node:crypto";
import { AppError } from "../../errors.ts";

export const tagBytes = 16;
/** The most that one key and one IV may encrypt: 64 GiB less 32 bytes. */
export const maxPlainBytes = 2 ** 36 - 32;
export const messageIdBytes = 28;
const dataKeyBytes = 32;
const commitmentBytes = 28;
const ivBytes = 12;

const suite = "115";
const suiteId = Buffer.from([0x00, 0x73]);
const contextSuiteName = "aws:x-amz-cek-alg";
const oldSuite = "AES/GCM/NoPadding";

export type Metadata = Readonly<Record<string, string>>;

/** Exactly the reserved pair: Esop for Java refuses objects whose context has more. */
export const encryptionContext: Metadata = { [contextSuiteName]: suite };

/** The encryption metadata of a stored object. */
export type Envelope = WrappedKey &
  (
    | { readonly format: 3; readonly messageId: Buffer; readonly commitment: Buffer }
    | { readonly format: 2; readonly iv: Buffer }
  );

interface WrappedKey {
  readonly wrappedKey: Buffer;
  readonly context: Metadata;
}

/** How the bytes of one object are encrypted. */
export interface ContentCipher {
  readonly key: Buffer;
  readonly iv: Buffer;
  /** Authenticated with the bytes. */
  readonly associated: Buffer;
}

/** Whether the object was stored by a client of this kind, with whatever key and in whichever of its formats. */
export function isKmsEncrypted(metadata: Metadata | undefined): boolean {
  return metadata !== undefined && ["x-amz-3", "x-amz-c", "x-amz-key-v2", "x-amz-key"].some((name) => name in metadata);
}

/** Throws `corrupt` for a data key that is none. */
export function deriveCipher(
  dataKey: Uint8Array,
  messageId: Uint8Array,
): ContentCipher & { readonly commitment: Buffer } {
  const derived = (label: string, sizeBytes: number) => {
    const info = Buffer.concat([suiteId, Buffer.from(label, "ascii")]);
    return Buffer.from(hkdfSync("sha512", checkedDataKey(dataKey), messageId, info, sizeBytes));
  };
  return {
    key: derived("DERIVEKEY", dataKeyBytes),
    iv: Buffer.alloc(ivBytes, 0x01),
    associated: suiteId,
    commitment: derived("COMMITKEY", commitmentBytes),
  };
}

/** Throws `corrupt` where the data key is not the one that the object was encrypted with, as far as the format tells. */
export function cipherOf(envelope: Envelope, dataKey: Uint8Array): ContentCipher {
  if (envelope.format === 2) {
    return { key: checkedDataKey(dataKey), iv: envelope.iv, associated: Buffer.alloc(0) };
  }
  const { commitment, ...cipher } = deriveCipher(dataKey, envelope.messageId);
  if (timingSafeEqual(commitment, envelope.commitment)) return cipher;
  throw new AppError("corrupt", "its commitment does not fit its data key");
}

function checkedDataKey(dataKey: Uint8Array): Buffer {
  if (dataKey.length === dataKeyBytes) return Buffer.from(dataKey);
  throw new AppError("corrupt", `its data key has ${dataKey.length} bytes in place of ${dataKeyBytes}`);
}

export interface NewEnvelope {
  readonly wrappedKey: Uint8Array;
  readonly messageId: Uint8Array;
  readonly commitment: Uint8Array;
}

export function writeEnvelope({ wrappedKey, messageId, commitment }: NewEnvelope): Metadata {
  return {
    "x-amz-3": base64(wrappedKey),
    "x-amz-c": suite,
    "x-amz-w": "12",
    "x-amz-i": base64(messageId),
    "x-amz-d": base64(commitment),
    "x-amz-t": JSON.stringify(encryptionContext),
  };
}

/**
 * Throws `unsupported` for what such clients have written and is not read here, and `corrupt` for what none of them
 * writes. The order of the checks is part of the format: what an object is comes before whether it is whole.
 */
export function readEnvelope(metadata: Metadata): Envelope {
  const names = ["x-amz-3", "x-amz-key-v2", "x-amz-key"].filter((name) => name in metadata);
  const [name, other] = names;
  if (name === undefined) throw refused("its data key is in an instruction file or missing");
  if (other !== undefined) throw damaged(`it has both ${name} and ${other}`);
  if (name === "x-amz-3") return readFormat3(metadata);
  if (name === "x-amz-key-v2") return readFormat2(metadata);
  throw refused("it is in the oldest format, which does not prove its bytes");
}

function readFormat3(metadata: Metadata): Envelope {
  const wrappedKey = decoded(metadata, "x-amz-3");
  const messageId = decoded(metadata, "x-amz-i", messageIdBytes);
  const commitment = decoded(metadata, "x-amz-d", commitmentBytes);
  if (text(metadata, "x-amz-c") !== suite) throw refused(`its algorithm is ${metadata["x-amz-c"]}`);
  if (text(metadata, "x-amz-w") !== "12") throw refused("its data key is not wrapped by the KMS with a context");
  return { format: 3, wrappedKey, messageId, commitment, context: readContext(metadata, "x-amz-t", suite) };
}

function readFormat2(metadata: Metadata): Envelope {
  const algorithm = text(metadata, "x-amz-cek-alg");
  if (algorithm.startsWith("AES/CBC/")) throw refused(`its algorithm is ${algorithm}, which does not prove its bytes`);
  const wrappedKey = decoded(metadata, "x-amz-key-v2");
  const iv = decoded(metadata, "x-amz-iv", ivBytes);
  if (algorithm !== oldSuite) throw refused(`its algorithm is ${algorithm}`);
  if (text(metadata, "x-amz-tag-len") !== String(tagBytes * 8)) throw damaged("its tag is not of 128 bits");
  const wrap = text(metadata, "x-amz-wrap-alg");
  if (wrap === "kms") throw refused("its data key is wrapped without naming its algorithm, which could be exchanged");
  if (wrap !== "kms+context") throw refused(`its data key is wrapped by ${wrap} and not by the KMS`);
  return { format: 2, wrappedKey, iv, context: readContext(metadata, "x-amz-matdesc", oldSuite) };
}

/** The KMS proves the context, and so the algorithm in it. */
function readContext(metadata: Metadata, name: string, algorithm: string): Metadata {
  const context = parsedContext(text(metadata, name));
  if (context === undefined) throw damaged(`${name} is not a JSON object of texts`);
  if (context[contextSuiteName] !== algorithm) throw damaged(`${name} names another algorithm than the object`);
  return context;
}

function parsedContext(json: string): Metadata | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const pairs = Object.entries(value);
    return pairs.every(([, text]) => typeof text === "string") ? Object.fromEntries(pairs) : undefined;
  } catch {
    // Not JSON, which is as wrong as JSON of another shape.
    return undefined;
  }
}

function text(metadata: Metadata, name: string): string {
  const value = metadata[name];
  if (value === undefined) throw damaged(`it has no ${name}`);
  return value;
}

/** Base64 as every encoder writes it, so that no two texts mean the same bytes. */
function decoded(metadata: Metadata, name: string, sizeBytes?: number): Buffer {
  const value = text(metadata, name);
  const bytes = Buffer.from(value, "base64");
  if (bytes.length === 0 || base64(bytes) !== value) throw damaged(`${name} is not base64`);
  if (bytes.length !== (sizeBytes ?? bytes.length))
    throw damaged(`${name} has ${bytes.length} bytes, not ${sizeBytes}`);
  return bytes;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function refused(why: string): AppError {
  return new AppError("unsupported", why);
}

function damaged(how: string): AppError {
  return new AppError("corrupt", how);
}
