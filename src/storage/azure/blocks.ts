/**
 * Blobs above the size of one block: sent block after block, and in parallel where the run has connections to spare;
 * the list of them at the end is what makes the blob. Blocks that no list has named yet stay in the store for a week,
 * unseen, and are named for their bytes: a run that comes after one that was cut short sends what is missing.
 */
import { createHash } from "node:crypto";
import { isAppError } from "../../errors.ts";
import { bufferedBody, type HttpBody, type Operation, unlessMissing } from "../../http/http.ts";
import { Attempts, final } from "../../retry/retry.ts";
import type { RewindableSource } from "../contract.ts";
import { BufferedParts } from "../remote/buffered-parts.ts";
import { dateMs } from "../remote/date-ms.ts";
import { partBytesFor } from "../remote/part-size.ts";
import { exactly, held, type SourcePart } from "../remote/source-part.ts";
import type { UploadSlots } from "../remote/upload-slots.ts";
import type { AzureContext } from "./context.ts";
import { type BlobSettings, settingHeaders } from "./headers.ts";
import type { AzureRequest } from "./wire.ts";

const mebibyte = 1024 * 1024;
/** A block must be hashed before it is sent: up to here it is held in memory meanwhile, and above it is read twice. */
const heldBlockBytes = 8 * mebibyte;
/** Limits of the store: blobs of up to 190.7 TiB. */
const blockLimits = { maxBytes: 4000 * mebibyte, maxParts: 50_000 };
const commitMs = 5 * 60_000;

/** The blocks in which a source would be sent; one that is not larger goes as a whole. Throws `unsupported`. */
export function blockBytesOf({ sizeBytes }: RewindableSource, leastBytes = heldBlockBytes): number {
  return partBytesFor(sizeBytes, { leastBytes, ...blockLimits });
}

/** Bytes with the hash that the store compares; can be sent again. */
export interface HashedBody extends HttpBody {
  readonly md5: Buffer;
}

export async function hashedBody(part: SourcePart): Promise<HashedBody> {
  const { sizeBytes } = part;
  if (sizeBytes <= heldBlockBytes) return hashedBytes(await held(part));
  return { sizeBytes, md5: await md5Of(part), frames: { [Symbol.asyncIterator]: () => exactly(part) } };
}

async function md5Of(part: SourcePart): Promise<Buffer> {
  const hash = createHash("md5");
  for await (const chunk of exactly(part, { transient: true, unthrottled: true })) hash.update(chunk);
  return hash.digest();
}

function hashedBytes(bytes: Uint8Array): HashedBody {
  return { ...bufferedBody(bytes), md5: createHash("md5").update(bytes).digest() };
}

export interface BlocksPut {
  readonly key: string;
  readonly source: RewindableSource;
  readonly blockBytes: number;
  readonly settings: BlobSettings;
  readonly ifAbsent: boolean;
  /** See {@link PutOptions}. */
  readonly resumable: boolean;
  readonly signal: AbortSignal | undefined;
  readonly operation: Operation;
}

/**
 * Sends the blob; gives its date, in milliseconds. Every step is tried again by itself, so a failure here is final and is not worth
 * another put of it all. Holds each block under way.
 */
export async function putInBlocks(
  context: AzureContext,
  slots: UploadSlots,
  put: BlocksPut,
): Promise<number | undefined> {
  try {
    const there = put.resumable
      ? await tried(context, put, put.signal, () => blocksOf(context, put, "uncommitted"))
      : [];
    const ids = await sendBlocks(context, slots, put, new Map(there.map(({ id, sizeBytes }) => [id, sizeBytes])));
    return await commit(context, put, ids);
  } catch (error) {
    throw final(error);
  }
}

function tried<T>(
  { clock, random, log, retry }: AzureContext,
  { operation }: BlocksPut,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return new Attempts(operation.what, signal, { ...retry, clock, random, log }).run(work);
}

const listed = { committed: "CommittedBlocks", uncommitted: "UncommittedBlocks" } as const;

/** None where there is no such blob. `<BlockList><CommittedBlocks><Block><Name>…</Name><Size>5</Size></Block>…` */
async function blocksOf(
  context: AzureContext,
  { key, operation, signal }: BlocksPut,
  kind: keyof typeof listed,
): Promise<readonly { readonly id: string; readonly sizeBytes: number }[]> {
  const query = { comp: "blocklist", blocklisttype: kind };
  const asked = context.wire.askXml({ method: "GET", key, query, signal, operation }, "BlockList");
  const blocks = (await unlessMissing(asked))?.first(listed[kind])?.all("Block") ?? [];
  return blocks.map((block) => ({ id: block.textOf("Name") ?? "", sizeBytes: Number(block.textOf("Size")) }));
}

async function sendBlocks(
  context: AzureContext,
  slots: UploadSlots,
  put: BlocksPut,
  there: ReadonlyMap<string, number>,
): Promise<string[]> {
  const { source, blockBytes } = put;
  const ids: string[] = [];
  const cut = source.sequential === true ? new BufferedParts(source, blockBytes) : undefined;
  const begun = new Set([...there.keys()].map(indexIn));
  const send = async (index: number, signal: AbortSignal) => {
    const range = { start: index * blockBytes, end: Math.min(source.sizeBytes, (index + 1) * blockBytes) };
    const part = { source, range, sizeBytes: range.end - range.start, signal };
    const isThere = (id: string) => there.get(id) === part.sizeBytes;
    if (cut === undefined && begun.has(index)) {
      const id = blockId(index, await md5Of(part));
      if (isThere(id)) {
        ids[index] = id;
        return;
      }
    }
    const body = cut === undefined ? await hashedBody(part) : hashedBytes(await cut.next(signal));
    const id = blockId(index, body.md5);
    if (!isThere(id)) await tried(context, put, signal, () => sendBlock(context, put, { id, body, signal }));
    ids[index] = id;
  };
  try {
    await slots.spread(Math.ceil(source.sizeBytes / blockBytes), send, put.signal);
  } finally {
    cut?.close();
  }
  return ids;
}

interface Block {
  readonly id: string;
  readonly body: HashedBody;
  readonly signal: AbortSignal;
}

async function sendBlock(context: AzureContext, put: BlocksPut, { id, body, signal }: Block): Promise<void> {
  const response = await context.wire.send({
    method: "PUT",
    key: put.key,
    query: { comp: "block", blockid: id },
    headers: { "content-md5": body.md5.toString("base64") },
    body,
    signal,
    operation: put.operation,
  });
  response.discard();
}

/** All of a blob's have the same length, as the store wants it. */
function blockId(index: number, md5: Buffer): string {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(index);
  return Buffer.concat([number, md5]).toString("base64");
}

/** The reverse, for the index alone; whatever number where the block is none of ours. */
function indexIn(id: string): number {
  return Number.parseInt(Buffer.from(id, "base64").toString("hex", 0, 4), 16);
}

/** Where an answer is lost, naming the same blocks again is no harm; only where the key must be free, the blob is asked. */
async function commit(context: AzureContext, put: BlocksPut, ids: readonly string[]): Promise<number | undefined> {
  const { key, operation, settings, ifAbsent, signal } = put;
  const request: AzureRequest = {
    method: "PUT",
    key,
    query: { comp: "blocklist" },
    headers: {
      ...settingHeaders(settings),
      "content-type": "application/xml; charset=UTF-8",
      "if-none-match": ifAbsent ? "*" : undefined,
    },
    body: bufferedBody(Buffer.from(blockList(ids))),
    signal,
    operation,
  };
  let inDoubt = false;
  return tried(context, put, signal, async () => {
    try {
      const { headers } = await context.wire.ask(request, commitMs);
      return dateMs(headers["last-modified"]);
    } catch (error) {
      if (inDoubt && isAppError(error, "already-exists") && (await isMadeOf(context, put, ids))) return undefined;
      inDoubt = true;
      throw error;
    }
  });
}

/** A block that was sent again counts as it came last. Its name is base64, which XML leaves as it is. */
function blockList(ids: readonly string[]): string {
  const latest = ids.map((id) => `<Latest>${id}</Latest>`).join("");
  return `<?xml version="1.0" encoding="utf-8"?><BlockList>${latest}</BlockList>`;
}

/** Names of blocks tell of their bytes. */
async function isMadeOf(context: AzureContext, put: BlocksPut, ids: readonly string[]): Promise<boolean> {
  const blocks = await blocksOf(context, put, "committed");
  return blocks.length === ids.length && blocks.every(({ id }, index) => id === ids[index]);
}
