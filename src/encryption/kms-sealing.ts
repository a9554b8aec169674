/** Encryption with keys of a KMS, each object with a data key of its own, as the AWS S3 Encryption Client does it. */
import { createCipheriv, createHash } from "node:crypto";
import { AppError } from "../errors.ts";
import type { RewindableSource } from "../storage/storage.ts";
import type { Sealing } from "../transfer/transfer.ts";
import type { Kms } from "./kms-client.ts";
import {
  type ContentCipher,
  deriveCipher,
  encryptionContext,
  maxPlainBytes,
  messageIdBytes,
  tagBytes,
  writeEnvelope,
} from "./s3-client-format.ts";

export interface KmsSealingOptions {
  /** As the operator gives it: id, ARN or alias. It stands in the tag by which Esop for Java finds the key. */
  readonly keyId: string;
  readonly kms: Kms;
  /** As randomBytes of node:crypto. */
  readonly random: (sizeBytes: number) => Uint8Array;
}

/**
 * One call to the KMS for each object. A sealed source encrypts anew each time it is opened, with the same key and IV:
 * the file must not change between, since two texts under one key and IV give each other away.
 */
export function kmsSealing({ keyId, kms, random }: KmsSealingOptions): Sealing {
  const mark = `kms${createHash("sha256").update(keyId).digest("hex").slice(0, 8)}`;
  return {
    mark,
    storedBytes,
    async seal(plain, _objectKey, signal) {
      const sizeBytes = storedBytes(plain.sizeBytes);
      const { dataKey, wrappedKey } = await kms.generateDataKey(keyId, encryptionContext, signal);
      const messageId = random(messageIdBytes);
      const { commitment, ...cipher } = deriveCipher(dataKey, messageId);
      return {
        source: { sizeBytes, sequential: true, open: () => sealed(plain, cipher) },
        metadata: writeEnvelope({ wrappedKey, messageId, commitment }),
        tags: { kmsKey: keyId },
      };
    },
  };
}

function storedBytes(plainBytes: number): number {
  if (plainBytes <= maxPlainBytes) return plainBytes + tagBytes;
  throw new AppError("unsupported", "a file of more than 64 GiB cannot be encrypted with a KMS key", {
    hint: "the format has no place for it: let compaction make smaller SSTables, or let the store encrypt",
  });
}

/** A source of another length than it said fails before the tag that would make an object of it. */
async function* sealed(plain: RewindableSource, cipher: ContentCipher): AsyncGenerator<Uint8Array, void> {
  const gcm = createCipheriv("aes-256-gcm", cipher.key, cipher.iv, { authTagLength: tagBytes });
  gcm.setAAD(cipher.associated);
  let readBytes = 0;
  for await (const chunk of plain.open(undefined, { transient: true })) {
    readBytes += chunk.length;
    if (readBytes > plain.sizeBytes) throw wrongLength(plain, "more");
    if (chunk.length > 0) yield gcm.update(chunk);
  }
  if (readBytes < plain.sizeBytes) throw wrongLength(plain, `only ${readBytes}`);
  gcm.final();
  yield gcm.getAuthTag();
}

function wrongLength({ sizeBytes }: RewindableSource, found: string): AppError {
  return new AppError("corrupt", `the source announced ${sizeBytes} bytes and had ${found}`);
}
