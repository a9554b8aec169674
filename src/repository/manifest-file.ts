import { AppError, isAppError } from "../errors.ts";
import type { ByteStream, RewindableSource, Storage } from "../storage/storage.ts";
import { bytesSource } from "../transfer/transfer.ts";
import { jsonPieces, readJson } from "./json-stream.ts";
import { checkedEntry, type Manifest, type ManifestEntry, manifestOf, parseManifest, unreadable } from "./manifest.ts";

export interface StoredManifest {
  readonly manifest: Manifest;
  /** The file as it is stored; undefined for one that is too large to be one text. */
  readonly text: string | undefined;
  /** Whether we wrote it, and not another tool. */
  readonly ours: boolean;
}

/**
 * How a manifest of ours begins. Esop refuses fields it does not know, so what tells our manifests from its own is white
 * space: an empty line first.
 */
const signature = "\n{";

export interface ManifestLimits {
  /** No manifest is larger, neither one that is written nor one that is read. */
  readonly fileBytes: number;
  /** Up to here it is read and written at once, beyond as a stream. */
  readonly textBytes: number;
}

export const manifestLimits: ManifestLimits = { fileBytes: 2 ** 30, textBytes: 64 * 2 ** 20 };

/** Of one value in a manifest that is read as a stream. */
const pieceBytes = 16 * 2 ** 20;
/** Down to the entries: the file, its snapshot, keyspaces, a keyspace, tables, a table, SSTables, an SSTable. */
const levels = 8;
const chunkLength = 256 * 1024;

/**
 * A manifest as the source of a put. It is made anew for each reading, so that only a chunk of it is in memory. Throws
 * `unsupported` for a manifest that is too large.
 */
export function manifestSource(manifest: Manifest, limits: ManifestLimits = manifestLimits): RewindableSource {
  const small: Buffer[] = [];
  let sizeBytes = 0;
  for (const chunk of manifestChunks(manifest)) {
    sizeBytes += chunk.length;
    if (sizeBytes > limits.fileBytes) throw tooLarge(limits);
    if (sizeBytes <= limits.textBytes) small.push(chunk);
  }
  if (sizeBytes <= limits.textBytes) return bytesSource(Buffer.concat(small));
  return {
    sizeBytes,
    sequential: true,
    async *open() {
      yield* manifestChunks(manifest);
    },
  };
}

/** Throws `unsupported` for a manifest that is too large to be written. */
export function checkManifestBytes(manifest: Manifest, limits: ManifestLimits = manifestLimits): void {
  manifestSource(manifest, { ...limits, textBytes: 0 });
}

function tooLarge({ fileBytes }: ManifestLimits): AppError {
  return new AppError("unsupported", `the manifest of this backup is larger than ${fileBytes} bytes`, {
    hint: "back up some keyspaces at a time with --entities, or compact tables of many SSTables",
  });
}

function* manifestChunks(manifest: Manifest): Generator<Buffer> {
  let text = "\n";
  for (const piece of jsonPieces(manifest, levels)) {
    text += piece;
    if (text.length < chunkLength) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

export interface ReadManifestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Entries of a large manifest that are of interest, the only ones to be kept in memory; all when left out. */
  readonly keep?: ((entry: ManifestEntry) => boolean) | undefined;
  readonly limits?: ManifestLimits | undefined;
}

/** The manifest in an object; undefined if there is no such object. Throws `corrupt`; `name` is for the message. */
export async function readManifestFile(
  storage: Storage,
  key: string,
  name: string,
  { signal, keep, limits = manifestLimits }: ReadManifestOptions = {},
): Promise<StoredManifest | undefined> {
  let stream: ByteStream;
  try {
    stream = await storage.get(key, { signal });
  } catch (error) {
    if (isAppError(error, "not-found")) return undefined;
    throw error;
  }
  const bounded = withLimit(stream, name, limits)[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let headBytes = 0;
  for (;;) {
    const { value } = await bounded.next();
    if (value === undefined) {
      const text = Buffer.concat(head).toString("utf8");
      return { manifest: parseManifest(text, name), text, ours: text.startsWith(signature) };
    }
    head.push(value);
    headBytes += value.length;
    if (headBytes > limits.textBytes) break;
  }
  const ours = Buffer.concat(head.slice(0, signature.length)).toString("latin1", 0, signature.length) === signature;
  return { manifest: await readLarge(following(head, bounded), name, keep), text: undefined, ours };
}

async function* withLimit(stream: ByteStream, name: string, { fileBytes }: ManifestLimits): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > fileBytes) throw unreadable(name, `is larger than ${fileBytes} bytes`);
    if (chunk.length > 0) yield chunk;
  }
}

/** What was read already, each chunk let go of at once, and the rest. */
async function* following(head: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = head.shift(); chunk !== undefined; chunk = head.shift()) yield chunk;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function readLarge(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  wanted: ReadManifestOptions["keep"],
): Promise<Manifest> {
  const keep = (element: unknown, path: readonly string[]): boolean => {
    if (path.length !== levels - 1) return true;
    const [snapshot, keyspaces, keyspace = "", tables, table = "", sstables] = path;
    const isEntry = [snapshot, keyspaces, tables, sstables].join() === "snapshot,keyspaces,tables,sstables";
    if (!isEntry) return false;
    const entry = checkedEntry(element, keyspace, table);
    return wanted?.(entry) !== false;
  };
  try {
    return manifestOf(await readJson(bytes, { levels, pieceBytes, keep }), name);
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable(name, "is not JSON", error);
    if (isAppError(error, "corrupt")) throw unreadable(name, error.message, error);
    throw error;
  }
}
