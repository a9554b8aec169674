/** Objects above the size of one part: sent part after part, and in parallel where the run has connections to spare. */
import { createHash, randomUUID } from "node:crypto";
import { abortable } from "../../concurrency/concurrency.ts";
import { AppError, isAppError } from "../../errors.ts";
import { escapeXml, type Operation } from "../../http/http.ts";
import { Attempts, final } from "../../retry/retry.ts";
import type { ByteRange, PutOptions, RewindableSource } from "../contract.ts";
import { BufferedParts, bufferedSource } from "../remote/buffered-parts.ts";
import { partBytesFor } from "../remote/part-size.ts";
import type { SourcePart } from "../remote/source-part.ts";
import type { UploadSlots } from "../remote/upload-slots.ts";
import { xmlBody } from "./bucket.ts";
import type { S3Context } from "./context.ts";
import { metadataHeaders, metadataOf } from "./headers.ts";
import { abandon, holdsBytes, type IncompleteUploads, listParts, type SentPart } from "./incomplete-uploads.ts";
import { checksumHeader, makePayload } from "./payload.ts";
import { type S3Request, type S3Wire, slowMs } from "./wire.ts";

const mebibyte = 1024 * 1024;
/** The most that a store takes: with parts of 5 GiB, objects of 48.8 TiB. */
export const maxParts = 10_000;
/** A part that fails is sent again as a whole; more parts cost requests. */
const minPartBytes = 32 * mebibyte;
/** Parts of what can only be read in order are held in memory, one for each sender. */
const heldPartBytes = 8 * mebibyte;
const maxPartBytes = 5 * 1024 * mebibyte;
/** Whose upload an object came from. */
const nonceName = "esop-upload";

/** Throws `unsupported` for what no store takes. */
export function partSizeOf(sizeBytes: number, leastBytes = minPartBytes): number {
  return partBytesFor(sizeBytes, { leastBytes, maxBytes: maxPartBytes, maxParts });
}

/** The parts in which a source would be sent; one that is not larger goes as a whole. */
export function partBytesOf({ sizeBytes, sequential }: RewindableSource, leastBytes?: number): number {
  return partSizeOf(sizeBytes, leastBytes ?? (sequential === true ? heldPartBytes : minPartBytes));
}

export interface MultipartPut {
  readonly key: string;
  readonly source: RewindableSource;
  readonly partBytes: number;
  /** Uploads that earlier runs have left; undefined where no later run could resume the one that this run leaves. */
  readonly unfinished: IncompleteUploads | undefined;
  readonly options: PutOptions;
  readonly operation: Operation;
}

/** An upload under way. */
interface Upload {
  readonly id: string;
  /** Undefined for one that an earlier run began. */
  readonly nonce: string | undefined;
  /** Parts that earlier runs have sent, by number. */
  readonly sent: ReadonlyMap<number, SentPart>;
}

/**
 * Sends the object, going on with what an earlier run has left. Every step is tried again by itself, so a failure here
 * is final and is not worth another put of it all. What was sent stays for the next run, unless this run knows that it
 * would fail as well. Holds for each part under way what the wire holds, and a whole part only of sequential sources.
 */
export async function putInParts(context: S3Context, slots: UploadSlots, put: MultipartPut): Promise<void> {
  const { operation, options } = put;
  if (options.ifAbsent === true && !context.dialect.multipartIfAbsent) {
    throw new AppError("unsupported", `cannot ${operation.what} only if it is absent: it is too large for that`);
  }
  const former = await takeUp(context, put);
  if (former !== undefined) {
    try {
      await carryOut(context, slots, put, former);
      return;
    } catch (error) {
      // Somebody else has thrown it away meanwhile.
      if (!isAppError(error, "not-found")) throw error;
    }
  }
  const nonce = randomUUID();
  const id = await tried(context, operation, options.signal, () => begin(context, put, nonce));
  await carryOut(context, slots, put, { id, nonce, sent: new Map() });
}

/** Whether another run could go on with the upload, which keeps the metadata that it began with. */
function canResume({ unfinished, source, options }: MultipartPut): boolean {
  const comparable = options.resumable !== false && source.sequential !== true;
  return unfinished !== undefined && comparable && options.metadata === undefined;
}

async function takeUp(context: S3Context, put: MultipartPut): Promise<Upload | undefined> {
  const { key, options, unfinished } = put;
  if (!canResume(put)) return undefined;
  const [id, ...older] = unfinished?.get(key) ?? [];
  unfinished?.delete(key);
  for (const each of older) await abandon(context, key, each);
  if (id === undefined) return undefined;
  const sent = await listParts(context, key, id, options.signal);
  if (sent === undefined || sent.size === 0) {
    await abandon(context, key, id);
    return undefined;
  }
  context.log.info(`going on with the upload of '${key}', of which ${sent.size} parts were sent before`);
  return { id, nonce: undefined, sent };
}

async function carryOut(context: S3Context, slots: UploadSlots, put: MultipartPut, upload: Upload): Promise<void> {
  try {
    const parts = await sendParts(context, slots, put, upload);
    await complete(context, put, upload, parts);
  } catch (error) {
    const mayPass = isAppError(error) && (error.retryable || error.code === "cancelled");
    if (!mayPass || !canResume(put)) await abandon(context, put.key, upload.id);
    throw final(error);
  }
}

function tried<T>(context: S3Context, { what }: Operation, signal: AbortSignal | undefined, work: () => Promise<T>) {
  const { clock, random, log, retry } = context;
  return new Attempts(what, signal, { ...retry, clock, random, log }).run(work);
}

async function begin({ wire, dialect, settings }: S3Context, put: MultipartPut, nonce: string): Promise<string> {
  const { key, source, operation, options } = put;
  const headers = {
    ...settings.created(source.sizeBytes, options.tags),
    ...metadataHeaders({ ...options.metadata, [nonceName]: nonce }),
    ...(dialect.integrity === "crc32-trailer" ? { "x-amz-checksum-algorithm": "CRC32" } : {}),
  };
  return beginUpload(wire, { key, headers, operation, signal: options.signal });
}

/** Gives the name of a new upload. */
export async function beginUpload(
  wire: S3Wire,
  request: Pick<S3Request, "key" | "headers" | "operation" | "signal">,
): Promise<string> {
  const answer = await wire.xml(
    { ...request, method: "POST", query: { uploads: "" } },
    "InitiateMultipartUploadResult",
  );
  const id = answer.textOf("UploadId") ?? "";
  if (id !== "") return id;
  throw new AppError("protocol", `cannot ${request.operation.what}: the store gave the upload no name`);
}

async function sendParts(
  context: S3Context,
  slots: UploadSlots,
  put: MultipartPut,
  upload: Upload,
): Promise<CompletedPart[]> {
  const { source, partBytes, options } = put;
  const count = Math.ceil(source.sizeBytes / partBytes);
  const parts: CompletedPart[] = [];
  const cut = source.sequential === true ? new BufferedParts(source, partBytes) : undefined;
  const send = async (index: number, signal: AbortSignal) => {
    const range = { start: index * partBytes, end: Math.min(source.sizeBytes, (index + 1) * partBytes) };
    const number = index + 1;
    const sizeBytes = range.end - range.start;
    const there = await partThere(upload.sent.get(number), { source, range, sizeBytes, signal });
    if (there !== undefined) {
      parts[index] = { number, ...there };
      return;
    }
    const part = { uploadId: upload.id, number, sizeBytes, signal };
    const from = cut === undefined ? { source, range } : { source: bufferedSource(await cut.next(signal)) };
    parts[index] = await tried(context, put.operation, signal, () => sendPart(context, put, { ...part, ...from }));
  };
  try {
    await slots.spread(count, send, options.signal);
  } finally {
    cut?.close();
  }
  return parts;
}

/** The part for the completion, if the store has it and it holds these bytes. */
async function partThere(sent: SentPart | undefined, { source, range, sizeBytes, signal }: SourcePart) {
  if (sent === undefined) return undefined;
  const bytes = abortable(source.open(range, { transient: true, unthrottled: true }), signal);
  if (!(await holdsBytes(sent, sizeBytes, bytes))) return undefined;
  return { etag: sent.etag, crc32: sent.crc32 };
}

/** A part as the completion names it. */
export interface CompletedPart {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
  readonly crc32: string | undefined;
}

interface Part {
  readonly uploadId: string;
  /** From 1. */
  readonly number: number;
  readonly source: RewindableSource;
  /** All of the source when left out. */
  readonly range?: ByteRange;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
}

async function sendPart(context: S3Context, put: MultipartPut, part: Part): Promise<CompletedPart> {
  const { key, operation } = put;
  const { number, uploadId, signal } = part;
  const body = await makePayload(part, context.dialect.integrity);
  const query = { partNumber: String(number), uploadId };
  const headers = context.settings.customerKey;
  const request = { method: "PUT", key, query, headers, body, signal, operation } as const;
  const { etag, headers: told } = await context.wire.store(request);
  return { number, etag, crc32: told[checksumHeader] };
}

/** Where an answer is lost, the object itself tells whether the upload was completed. */
async function complete(
  context: S3Context,
  put: MultipartPut,
  { id, nonce }: Upload,
  parts: readonly CompletedPart[],
): Promise<void> {
  const { key, operation, options } = put;
  let inDoubt = false;
  await tried(context, operation, options.signal, async () => {
    try {
      await completeUpload(context, { key, id, parts, ifAbsent: options.ifAbsent, operation, signal: options.signal });
    } catch (error) {
      const gone = isAppError(error, "not-found") || isAppError(error, "already-exists");
      if (inDoubt && gone && (await cameOf(context, put, nonce, parts))) return;
      inDoubt = true;
      throw error;
    }
  });
}

export interface Completion extends Pick<S3Request, "operation" | "signal"> {
  readonly key: string;
  readonly id: string;
  readonly parts: readonly CompletedPart[];
  readonly ifAbsent?: boolean | undefined;
}

export async function completeUpload(
  { wire, settings }: S3Context,
  { key, id, parts, ifAbsent, operation, signal }: Completion,
): Promise<void> {
  const rows = parts.map(({ number, etag, crc32 }) => {
    const checksum = crc32 === undefined ? "" : `<ChecksumCRC32>${escapeXml(crc32)}</ChecksumCRC32>`;
    return `<Part><ETag>${escapeXml(etag)}</ETag>${checksum}<PartNumber>${number}</PartNumber></Part>`;
  });
  const headers = { ...settings.customerKey, ...(ifAbsent === true ? { "if-none-match": "*" } : {}) };
  const body = xmlBody("CompleteMultipartUpload", rows.join(""));
  const request = { method: "POST", key, query: { uploadId: id }, headers, body, operation, signal } as const;
  await wire.xml(request, "CompleteMultipartUploadResult", slowMs);
}

/** Whether the object of the key came of this upload: by our mark, or where another run has set it, by its parts. */
async function cameOf(
  context: S3Context,
  { key, operation, options }: MultipartPut,
  nonce: string | undefined,
  parts: readonly CompletedPart[],
): Promise<boolean> {
  const { wire, settings } = context;
  const request = { method: "HEAD", key, headers: settings.customerKey, signal: options.signal, operation } as const;
  const headers = await wire.headers(request);
  return nonce === undefined
    ? unquoted(headers["etag"]) === etagOfParts(parts)
    : metadataOf(headers)[nonceName] === nonce;
}

/** As stores make the ETag of an object in parts, where those of the parts are MD5s. */
function etagOfParts(parts: readonly CompletedPart[]): string {
  const hash = createHash("md5");
  for (const { etag } of parts) hash.update(Buffer.from(unquoted(etag), "hex"));
  return `${hash.digest("hex")}-${parts.length}`;
}

function unquoted(etag = ""): string {
  return etag.replace(/^"|"$/g, "");
}
