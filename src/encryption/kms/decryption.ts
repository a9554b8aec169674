import { createDecipheriv } from "node:crypto";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import type { ByteStream, ObjectStream } from "../../storage/storage.ts";
import { type ContentCipher, cipherOf, maxPlainBytes, readEnvelope, tagBytes } from "../format/s3-client-format.ts";
import type { Kms } from "./kms.ts";

/**
 * The plaintext of an object that was stored by an AWS S3 Encryption Client, or as one stores it. One call to the KMS.
 * The bytes come as they are decrypted, all but the last 16 of what has been read: only the end of the stream proves
 * them. Throws `corrupt` and `unsupported` where the object is not what is read here, and what the KMS refuses. The
 * object key is for messages.
 */
export async function decryptKms(
  stored: ObjectStream,
  kms: Kms,
  signal?: AbortSignal,
  objectKey?: string,
): Promise<ByteStream> {
  const named = objectKey === undefined ? "the encrypted object" : `the encrypted object '${objectKey}'`;
  try {
    const envelope = readEnvelope(stored.metadata ?? {});
    const dataKey = await kms.decrypt(envelope.wrappedKey, envelope.context, undefined, signal);
    return opened(stored, cipherOf(envelope, dataKey), named);
  } catch (error) {
    await leave(stored);
    throwIfAborted(signal);
    throw explained(error, named);
  }
}

/** The connection behind a stream is let go by reading from it. */
async function leave(stored: ByteStream): Promise<void> {
  try {
    for await (const _ of stored) break;
  } catch {
    // The bytes are no longer needed, so the reason of the failure does not matter.
  }
}

async function* opened(stored: ByteStream, cipher: ContentCipher, named: string): AsyncGenerator<Uint8Array, void> {
  const gcm = createDecipheriv("aes-256-gcm", cipher.key, cipher.iv, { authTagLength: tagBytes });
  gcm.setAAD(cipher.associated);
  /** Used for all chunks, which saves half of what decrypting costs; begins with what is held back of the last one. */
  let memory = Buffer.alloc(tagBytes);
  let bufferedBytes = 0;
  let plainBytes = 0;
  for await (const chunk of stored) {
    const bytes = bufferedBytes + chunk.length;
    if (memory.length < bytes) memory = Buffer.concat([memory.subarray(0, bufferedBytes)], bytes);
    memory.set(chunk, bufferedBytes);
    const end = Math.max(0, bytes - tagBytes);
    plainBytes += end;
    if (plainBytes > maxPlainBytes) throw explained(new AppError("corrupt", "it is larger than any can be"), named);
    if (end > 0) yield gcm.update(memory.subarray(0, end));
    memory.copyWithin(0, end, bytes);
    bufferedBytes = bytes - end;
  }
  if (bufferedBytes < tagBytes) throw explained(new AppError("corrupt", "it is cut short"), named);
  gcm.setAuthTag(memory.subarray(0, tagBytes));
  try {
    gcm.final();
  } catch (cause) {
    throw explained(new AppError("corrupt", "its bytes are not those that were encrypted", { cause }), named);
  }
}

function explained(error: unknown, named: string): unknown {
  if (!isAppError(error)) return error;
  const { code, message, retryable, hint = hints.get(code) } = error;
  return new AppError(code, `${named} cannot be read: ${message}`, { cause: error, retryable, hint });
}

const hints: ReadonlyMap<string, string> = new Map([
  ["corrupt", "restore from another backup, and back the node up again"],
  ["unsupported", "read it with the AWS S3 Encryption Client for Java"],
]);
