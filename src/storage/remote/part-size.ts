import { AppError } from "../../errors.ts";
import { formatBytes } from "../../units.ts";

/** Limits of a store for multipart uploads, and the part size chosen within them. */
export interface PartLimits {
  /** Of every part but the last. */
  readonly leastBytes: number;
  readonly maxBytes: number;
  readonly maxParts: number;
}

const mebibyte = 1024 * 1024;

/** The least, or as many whole MiB as it takes to stay below the number of parts. Throws `unsupported` above that. */
export function partBytesFor(sizeBytes: number, { leastBytes, maxBytes, maxParts }: PartLimits): number {
  const needed = Math.ceil(sizeBytes / maxParts / mebibyte) * mebibyte;
  const partBytes = sizeBytes <= leastBytes * maxParts ? leastBytes : needed;
  if (partBytes <= maxBytes) return partBytes;
  throw new AppError("unsupported", `an object of ${formatBytes(sizeBytes)} is larger than any store takes`);
}
