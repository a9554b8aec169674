import { createDecipheriv } from "node:crypto";
import { AppError } from "../../errors.ts";
import type { ByteStream } from "../../storage/storage.ts";
import {
  cipherName,
  type DataKey,
  headerBytes,
  nonceOf,
  objectCipherKey,
  parseHeader,
  segmentBytes,
  tagBytes,
} from "./object-format.ts";

/**
 * The plaintext of an object that was stored under this data key and object key. Every byte that it gives is proved; that
 * nothing is missing, only its end. Throws `corrupt`. Holds two segments.
 */
export async function* decrypted(
  stored: ByteStream,
  objectKey: string,
  dataKey: DataKey,
): AsyncGenerator<Uint8Array, void> {
  const held = Buffer.allocUnsafeSlow(segmentBytes + tagBytes);
  let [bufferedBytes, wantedBytes, segment] = [0, headerBytes, 0];
  let key: Buffer | undefined;
  for await (const chunk of stored) {
    for (let at = 0; at < chunk.length; ) {
      // A segment is decrypted only when more follows: the last one has a nonce of its own.
      if (bufferedBytes === wantedBytes) {
        if (key === undefined) key = keyOf(held.subarray(0, headerBytes), objectKey, dataKey);
        else yield openSegment(held, nonceOf(segment++, false), key, objectKey);
        [bufferedBytes, wantedBytes] = [0, held.length];
      }
      const piece = chunk.subarray(at, at + wantedBytes - bufferedBytes);
      held.set(piece, bufferedBytes);
      bufferedBytes += piece.length;
      at += piece.length;
    }
  }
  if (key === undefined) throw damaged(objectKey, "it ends within its header");
  yield openSegment(held.subarray(0, bufferedBytes), nonceOf(segment, true), key, objectKey);
}

function keyOf(header: Buffer, objectKey: string, dataKey: DataKey): Buffer {
  const id = parseHeader(header);
  if (id === undefined) throw damaged(objectKey, "it does not begin as an encrypted object does");
  if (id !== dataKey.id) throw damaged(objectKey, `it names the data key ${id}`);
  return objectCipherKey(dataKey, header, objectKey);
}

function openSegment(encrypted: Buffer, nonce: Buffer, key: Buffer, objectKey: string): Buffer {
  if (encrypted.length < tagBytes) throw damaged(objectKey, "it is cut off");
  const end = encrypted.length - tagBytes;
  const decipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(encrypted.subarray(end));
  const plain = decipher.update(encrypted.subarray(0, end));
  try {
    decipher.final();
  } catch (error) {
    throw damaged(objectKey, "it is not what was encrypted, not all of it, or of another place", error);
  }
  return plain;
}

function damaged(objectKey: string, how: string, cause?: unknown): AppError {
  return new AppError("corrupt", `encrypted object ${objectKey} is damaged: ${how}`, {
    hint: "restore from another backup, and back the node up again",
    cause,
  });
}
