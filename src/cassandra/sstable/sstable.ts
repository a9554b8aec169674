import { open, readFile } from "node:fs/promises";
import { fileError, systemErrorCode, throwIfAborted } from "../../errors.ts";

/** The name of one component file of an SSTable, taken apart: "nb-1-big-Data.db", "da-3gy0_…-bti-Rows.db". */
export interface ComponentName {
  /** "nb-1-big": what all components of one SSTable begin with. */
  readonly baseName: string;
  /** Two letters: "nb", "oa", "da". */
  readonly version: string;
  /** A number, or since 4.1 possibly a UUID-like id. */
  readonly generation: string;
  /** "big", "bti", or "" where the name has none. */
  readonly format: string;
  /** "Data.db", "Digest.crc32", "SAI+aa+GroupMeta.db". */
  readonly component: string;
}

const pattern = /^((?:\w+-\w+-)?([a-z]{2})-([A-Za-z0-9_]+)(?:-(big|bti))?)-([A-Z][\w.+]*)$/;

export function parseComponentName(file: string): ComponentName | undefined {
  const match = pattern.exec(file);
  if (match === null) return undefined;
  const [, baseName = "", version = "", generation = "", format = "", component = ""] = match;
  return { baseName, version, generation, format, component };
}

/** The same component under another generation. */
export function withGeneration(file: string, generation: string): string {
  const name = parseComponentName(file);
  if (name === undefined) return file;
  const format = name.format === "" ? "" : `-${name.format}`;
  const prefix = name.baseName.slice(0, -`${name.generation}${format}`.length);
  return `${prefix}${generation}${format}-${name.component}`;
}

const immutableComponents = new Set([
  "Data.db",
  "Index.db",
  "Partitions.db",
  "Rows.db",
  "CompressionInfo.db",
  "CRC.db",
]);

/**
 * Whether Cassandra never changes this component once the SSTable is complete. The others are rewritten in place:
 * Statistics.db by repair and level changes, Summary.db by index resampling, Filter.db, TOC.txt, SAI files by a rebuild.
 */
export function isImmutable(component: string): boolean {
  return immutableComponents.has(component) || component.startsWith("Digest.");
}

/** The order in which components must appear in a live directory: Data.db, which makes an SSTable one, comes last. */
export function appearanceRank(component: string): number {
  return component === "Data.db" ? 1 : 0;
}

const checksumTailBytes = 10 * 1024 * 1024;

/** Adler-32 of the last 10 MiB of a file: Esop's stand-in for an SSTable without a Digest component. */
async function adler32OfTail(path: string, sizeBytes: number, signal: AbortSignal | undefined): Promise<number> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(64 * 1024);
    let [low, high] = [1, 0];
    let position = Math.max(0, sizeBytes - checksumTailBytes);
    for (;;) {
      throwIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      for (const byte of buffer.subarray(0, bytesRead)) {
        low = (low + byte) % 65521;
        high = (high + low) % 65521;
      }
    }
    return high * 65536 + low;
  } finally {
    await file.close();
  }
}

/**
 * The text that, with the generation, identifies the SSTable's content: what its Digest component says, else the
 * Adler-32 of the Data file's end. `digestFile` and `dataFile` are paths. Throws `io`, `not-found`.
 */
export async function sstableDigest(
  digestFile: string | undefined,
  dataFile: { readonly path: string; readonly sizeBytes: number },
  signal?: AbortSignal,
): Promise<string> {
  try {
    if (digestFile !== undefined) {
      const text = (await readFile(digestFile, "utf8")).trim();
      // Older digests are lines of `sha1sum`: the sum, then the file's name.
      const [sum = ""] = text.split(/\s/);
      if (/^\w+$/.test(sum)) return sum;
    }
    return String(await adler32OfTail(dataFile.path, dataFile.sizeBytes, signal));
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw fileError(error, `read ${digestFile ?? dataFile.path}`);
  }
}
