import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { abortable } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import type { ByteStream } from "../storage/storage.ts";
import { fileSource } from "./file-source.ts";

/** As manifests name them. */
export type HashAlgorithm = "SHA-256" | "CRC" | "NONE";

export interface Hasher {
  update(chunk: Uint8Array): void;
  /** As manifests write it: SHA-256 in lower-case hex, CRC-32 as a decimal number, nothing for NONE. Ask once. */
  digest(): string | undefined;
}

export function createHasher(algorithm: HashAlgorithm): Hasher {
  switch (algorithm) {
    case "SHA-256": {
      const hash = createHash("sha256");
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest("hex") };
    }
    case "CRC": {
      let value = 0;
      return {
        update: (chunk) => {
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
  for await (const chunk of abortable(stream, options.signal)) hasher.update(chunk);
  const hash = hasher.digest();
  if (hash === undefined) throw new AppError("internal", `${algorithm} gave no hash`);
  return hash;
}
