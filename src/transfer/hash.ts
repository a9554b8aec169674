import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { abortable } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import type { ByteStream } from "../storage/storage.ts";
import { fileSource } from "./file-source.ts";
import type { HashThreads } from "./hash-threads.ts";
import type { HashAlgorithm, Hasher } from "./hasher.ts";

/** What to hash, and who may help. */
export interface HashedBytes {
  readonly sizeBytes?: number | undefined;
  readonly threads?: HashThreads | undefined;
}

/** Below, asking another thread and waiting for its answer costs more than it saves. */
const minThreadedBytes = 4 * 1024 * 1024;

export function createHasher(algorithm: HashAlgorithm, { sizeBytes = 0, threads }: HashedBytes = {}): Hasher {
  const threaded = algorithm === "SHA-256" && sizeBytes >= minThreadedBytes ? threads?.hasher() : undefined;
  return threaded ?? localHasher(algorithm);
}

function localHasher(algorithm: HashAlgorithm): Hasher {
  const { update, digest } = calculation(algorithm);
  return {
    update: (chunk) => {
      update(chunk);
      return undefined;
    },
    digest: async () => digest(),
    leave: () => undefined,
  };
}

function calculation(algorithm: HashAlgorithm) {
  switch (algorithm) {
    case "SHA-256": {
      const hash = createHash("sha256");
      return { update: (chunk: Uint8Array) => void hash.update(chunk), digest: () => hash.digest("hex") };
    }
    case "CRC": {
      let value = 0;
      return {
        update: (chunk: Uint8Array) => {
          value = crc32(chunk, value);
        },
        digest: () => String(value),
      };
    }
    case "NONE":
      return { update: () => undefined, digest: () => undefined };
  }
}

/** An algorithm that gives a hash. */
export type RealHashAlgorithm = Exclude<HashAlgorithm, "NONE">;

/** Reads the file for nothing but its hash. */
export async function hashFile(
  path: string,
  algorithm: RealHashAlgorithm,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const source = await fileSource(path);
  return hashStream(source.open(undefined, { transient: true }), algorithm, options);
}

/** Reads the stream to its end for nothing but its hash. */
export async function hashStream(
  stream: ByteStream,
  algorithm: RealHashAlgorithm,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const hasher = createHasher(algorithm);
  for await (const chunk of abortable(stream, options.signal)) await hasher.update(chunk);
  const hash = await hasher.digest();
  if (hash === undefined) throw new AppError("internal", `${algorithm} gave no hash`);
  return hash;
}
