import type { ByteRange, ReadOptions, RewindableSource, Storage } from "../storage/storage.ts";
import type { EncryptedSource, Encryptor } from "./encryptor.ts";
import { fileSource } from "./file-source.ts";
import { createHasher, type HashedBytes } from "./hash.ts";
import type { HashAlgorithm, Hasher } from "./hasher.ts";
import { type PaceOptions, paced } from "./paced.ts";

export interface UploadOptions extends PaceOptions, Pick<HashedBytes, "threads"> {
  readonly algorithm: HashAlgorithm;
  /** Encrypts on the way; the object key is what stands in manifests. */
  readonly encrypt?: { readonly encryptor: Encryptor; readonly objectKey: string } | undefined;
}

export interface Upload {
  /** Of the source. */
  readonly sizeBytes: number;
  /** Of the source's bytes, before they are encrypted; undefined for the algorithm NONE. */
  readonly hash: string | undefined;
}

/** Puts a file, or a source, under the key, and gives the hash of what went over in the pass that succeeded. */
export async function upload(
  storage: Storage,
  key: string,
  from: string | RewindableSource,
  options: UploadOptions,
): Promise<Upload> {
  const source = typeof from === "string" ? await fileSource(from) : from;
  const hashing = new HashingSource(source, options);
  const { encrypt, signal } = options;
  const { source: stored, ...beside }: EncryptedSource =
    encrypt === undefined ? { source: hashing } : await encrypt.encryptor.encrypt(hashing, encrypt.objectKey, signal);
  // What is encrypted anew is other bytes each time.
  const fresh = encrypt !== undefined;
  try {
    await storage.put(key, stored, { fresh, ...beside, signal });
    return { sizeBytes: source.sizeBytes, hash: await hashing.digest() };
  } finally {
    hashing.leave();
  }
}

/**
 * Hashes what a driver reads of the source. A driver may start over, or read the source range by range (the parts of a
 * multipart upload) and single ranges again: in order, each byte is hashed when it first goes by. Only if ranges are
 * read out of order is the source read once more for its hash.
 */
class HashingSource implements RewindableSource {
  readonly sizeBytes: number;
  readonly #source: RewindableSource;
  readonly #options: UploadOptions;
  #hasher: Hasher;
  /** Every byte before this one is in the hash. */
  #hashedBytes = 0;
  #reportedBytes = 0;

  constructor(source: RewindableSource, options: UploadOptions) {
    this.sizeBytes = source.sizeBytes;
    this.#source = source;
    this.#options = options;
    this.#hasher = this.#newHasher();
  }

  async *open(range?: ByteRange, reading?: ReadOptions): AsyncGenerator<Uint8Array, void> {
    if (range === undefined) this.#startOver();
    const hasher = this.#hasher;
    let position = range?.start ?? 0;
    const onBytes = (bytes: number) => this.#report(bytes);
    const pace = reading?.onlyLooking === true ? { onBytes } : { ...this.#options, onBytes };
    for await (const chunk of paced(this.#source.open(range, reading), pace)) {
      const fresh = this.#hashedBytes - position;
      if (hasher === this.#hasher && fresh >= 0 && fresh < chunk.length) {
        // Before anything is waited for: parts are read side by side.
        this.#hashedBytes = position + chunk.length;
        await hasher.update(fresh === 0 ? chunk : chunk.subarray(fresh));
      }
      position += chunk.length;
      yield chunk;
    }
  }

  async digest(): Promise<string | undefined> {
    if (this.#hashedBytes !== this.sizeBytes && this.#options.algorithm !== "NONE") {
      this.#replaceHasher();
      for await (const chunk of this.#source.open(undefined, { transient: true })) await this.#hasher.update(chunk);
    }
    return this.#hasher.digest();
  }

  leave(): void {
    this.#hasher.leave();
  }

  #newHasher(): Hasher {
    const { algorithm, threads } = this.#options;
    return createHasher(algorithm, { sizeBytes: this.sizeBytes, threads });
  }

  #replaceHasher(): void {
    this.#hasher.leave();
    this.#hasher = this.#newHasher();
  }

  #startOver(): void {
    this.#replaceHasher();
    this.#hashedBytes = 0;
    this.#report(-this.#reportedBytes);
  }

  #report(bytes: number): void {
    if (bytes === 0) return;
    this.#reportedBytes += bytes;
    this.#options.onBytes?.(bytes);
  }
}
