/** Encryption with keys of a KMS, each object with a data key of its own, as the AWS S3 Encryption Client does it. */
import { type CipherGCM, createCipheriv, createHash } from "node:crypto";
import { AppError } from "../../errors.ts";
import type { ByteRange, ReadOptions, RewindableSource } from "../../storage/storage.ts";
import type { Encryptor } from "../../transfer/transfer.ts";
import { EmittedPieces, otherSize } from "../format/changing-file.ts";
import { cipherName, nonceOf } from "../format/object-format.ts";
import {
  type ContentCipher,
  deriveCipher,
  encryptionContext,
  maxPlainBytes,
  messageIdBytes,
  tagBytes,
  writeEnvelope,
} from "../format/s3-client-format.ts";
import type { Kms } from "./kms.ts";

export interface KmsEncryptorOptions {
  /** As the operator gives it: id, ARN or alias. It stands in the tag by which Esop for Java finds the key. */
  readonly keyId: string;
  readonly kms: Kms;
  /** As randomBytes of node:crypto. */
  readonly random: (sizeBytes: number) => Uint8Array;
}

/** Of the file. They are no part of the format: one is given out when it is known to be what it was before. */
const pieceBytes = 256 * 1024;

/** One call to the KMS for each object. A transfer under way holds a piece, and 32 KiB for each GiB of the file. */
export function kmsEncryptor({ keyId, kms, random }: KmsEncryptorOptions): Encryptor {
  const keyTag = `kms${createHash("sha256").update(keyId).digest("hex").slice(0, 8)}`;
  return {
    keyTag,
    storedBytes,
    async encrypt(plain, objectKey, signal) {
      const sizeBytes = storedBytes(plain.sizeBytes);
      const { dataKey, wrappedKey } = await kms.generateDataKey(keyId, encryptionContext, signal);
      const messageId = random(messageIdBytes);
      const { commitment, ...cipher } = deriveCipher(dataKey, messageId);
      return {
        source: new EncryptedBytes(plain, sizeBytes, cipher, objectKey),
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

/** Encrypts each time it is opened, with the same key and IV. */
class EncryptedBytes implements RewindableSource {
  readonly sizeBytes: number;
  readonly sequential = true;
  readonly #plain: RewindableSource;
  readonly #cipher: ContentCipher;
  readonly #objectKey: string;
  readonly #emitted: EmittedPieces;

  constructor(plain: RewindableSource, sizeBytes: number, cipher: ContentCipher, objectKey: string) {
    this.sizeBytes = sizeBytes;
    this.#plain = plain;
    this.#cipher = cipher;
    this.#objectKey = objectKey;
    this.#emitted = new EmittedPieces(objectKey, Math.max(1, Math.ceil(plain.sizeBytes / pieceBytes)));
  }

  /** A file of another length than it had fails before the tag that would make an object of it. */
  async *open(_range?: ByteRange, reading?: ReadOptions): AsyncGenerator<Uint8Array, void> {
    const gcm = gcmOf(this.#cipher, this.#cipher.iv).setAAD(this.#cipher.associated);
    let held: Buffer[] = [];
    let [bufferedBytes, index, leftBytes] = [0, 0, this.#plain.sizeBytes];
    for await (const chunk of this.#plain.open(undefined, { ...reading, transient: true })) {
      leftBytes -= chunk.length;
      if (leftBytes < 0) throw otherSize(this.#objectKey);
      for (let at = 0; at < chunk.length; ) {
        if (bufferedBytes === pieceBytes) {
          yield this.#checked(index++, held);
          [held, bufferedBytes] = [[], 0];
        }
        const part = chunk.subarray(at, at + pieceBytes - bufferedBytes);
        held.push(gcm.update(part));
        bufferedBytes += part.length;
        at += part.length;
      }
    }
    if (leftBytes > 0) throw otherSize(this.#objectKey);
    const last = this.#checked(index, held);
    gcm.final();
    yield Buffer.concat([last, gcm.getAuthTag()]);
  }

  /** The piece in one. Its own tag, made under a nonce that the object does not use, never leaves this process. */
  #checked(index: number, held: readonly Buffer[]): Buffer {
    const [first = Buffer.alloc(0), ...more] = held;
    const piece = more.length === 0 ? first : Buffer.concat(held);
    const mac = gcmOf(this.#cipher, nonceOf(index, false)).setAAD(piece);
    mac.final();
    this.#emitted.check(index, mac.getAuthTag());
    return piece;
  }
}

function gcmOf({ key }: ContentCipher, nonce: Buffer): CipherGCM {
  return createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
}
