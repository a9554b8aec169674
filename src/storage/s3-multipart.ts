/** Objects above the size of one part: sent part after part, and in parallel where the run has connections to spare. */
import { randomUUID } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from "@aws-sdk/client-s3";
import { AppError, isAppError, throwIfAborted, toAppError } from "../errors.ts";
import { HeldParts, heldSource } from "./held-parts.ts";
import { partBytesFor } from "./part-size.ts";
import type { Doing } from "./refusals.ts";
import { Attempts, final } from "./retry.ts";
import { ask, type S3Context, slowMs } from "./s3-context.ts";
import { wireHeaders } from "./s3-headers.ts";
import { checksumHeader, makePayload } from "./s3-payload.ts";
import type { ByteRange, PutOptions, RewindableSource } from "./storage.ts";
import type { UploadSlots } from "./upload-slots.ts";

const mebibyte = 1024 * 1024;
/** What a store takes at most: with parts of 5 GiB, objects of 48.8 TiB. */
export const maxParts = 10_000;
/** A part that fails is sent again as a whole; more parts cost requests. */
export const minPartBytes = 32 * mebibyte;
/** Parts of what can only be read in order are held in memory, one for each sender. */
const heldPartBytes = 8 * mebibyte;
const maxPartBytes = 5 * 1024 * mebibyte;
const abandonRounds = 3;
const abandonedAfterMs = 24 * 3600 * 1000;
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
  readonly options: PutOptions;
  readonly doing: Doing;
}

/**
 * Sends the object. Every step is tried again by itself, so a failure here is final and is not worth another put of it
 * all; what was sent is then thrown away. Holds for each part under way what the wire holds, and never a part.
 */
export async function putInParts(context: S3Context, slots: UploadSlots, put: MultipartPut): Promise<void> {
  const { key, doing, options } = put;
  const { signal } = options;
  if (options.ifAbsent === true && !context.dialect.multipartIfAbsent) {
    throw new AppError("unsupported", `cannot ${doing.what} only if it is absent: it is too large for that`);
  }
  const nonce = randomUUID();
  const uploadId = await tried(context, doing, signal, () => begin(context, put, nonce));
  try {
    const parts = await sendParts(context, slots, put, uploadId);
    await complete(context, put, { uploadId, parts, nonce });
  } catch (error) {
    await abandon(context, key, uploadId);
    throw final(error);
  }
}

function tried<T>(context: S3Context, { what }: Doing, signal: AbortSignal | undefined, work: () => Promise<T>) {
  const { clock, random, log, retry } = context;
  return new Attempts(what, signal, { ...retry, clock, random, log }).run(work);
}

async function begin(context: S3Context, put: MultipartPut, nonce: string): Promise<string> {
  const { key, source, doing, options } = put;
  const command = new CreateMultipartUploadCommand({
    Bucket: context.bucket,
    Key: key,
    Metadata: { ...options.metadata, [nonceName]: nonce },
    ...(context.dialect.integrity === "crc32-trailer" ? { ChecksumAlgorithm: "CRC32" } : {}),
    ...context.settings.created(source.sizeBytes, options.tags),
  });
  const { UploadId: id } = await ask(context, doing, options, (abortSignal) =>
    context.client.send(command, { abortSignal }),
  );
  if (id === undefined) throw new AppError("protocol", `cannot ${doing.what}: the store gave the upload no name`);
  return id;
}

async function sendParts(
  context: S3Context,
  slots: UploadSlots,
  put: MultipartPut,
  uploadId: string,
): Promise<CompletedPart[]> {
  const { source, partBytes, options } = put;
  const count = Math.ceil(source.sizeBytes / partBytes);
  const parts: CompletedPart[] = [];
  const cut = source.sequential === true ? new HeldParts(source, partBytes) : undefined;
  const send = async (index: number, signal: AbortSignal) => {
    const range = { start: index * partBytes, end: Math.min(source.sizeBytes, (index + 1) * partBytes) };
    const part = { uploadId, number: index + 1, sizeBytes: range.end - range.start, signal };
    const from = cut === undefined ? { source, range } : { source: heldSource(await cut.next(signal)) };
    parts[index] = await tried(context, put.doing, signal, () => sendPart(context, put, { ...part, ...from }));
  };
  try {
    await slots.spread(count, send, options.signal);
  } finally {
    cut?.close();
  }
  return parts;
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
  const { key, doing } = put;
  const { number, uploadId, signal } = part;
  const payload = await makePayload(part, context.dialect.integrity);
  const query = { partNumber: String(number), uploadId };
  const headers = wireHeaders(context.settings.customerKey);
  const response = await context.wire.send({ method: "PUT", key, query, headers, payload, signal, doing });
  response.discard();
  const { etag, [checksumHeader]: checksum } = response.headers;
  if (etag === undefined) throw new AppError("protocol", `cannot ${doing.what}: the store gave part ${number} no ETag`);
  return { PartNumber: number, ETag: etag, ...(typeof checksum === "string" ? { ChecksumCRC32: checksum } : {}) };
}

interface Sent {
  readonly uploadId: string;
  readonly parts: readonly CompletedPart[];
  readonly nonce: string;
}

/** Where an answer is lost, the object itself tells whether the upload was completed. */
async function complete(context: S3Context, put: MultipartPut, { uploadId, parts, nonce }: Sent): Promise<void> {
  const { key, doing, options } = put;
  let inDoubt = false;
  await tried(context, doing, options.signal, async () => {
    const command = new CompleteMultipartUploadCommand({
      Bucket: context.bucket,
      Key: key,
      UploadId: uploadId,
      MultipartUpload: { Parts: [...parts] },
      ...(options.ifAbsent === true ? { IfNoneMatch: "*" } : {}),
      ...context.settings.customerKey,
    });
    try {
      const limits = { signal: options.signal, ms: slowMs };
      await ask(context, doing, limits, (abortSignal) => context.client.send(command, { abortSignal }));
    } catch (error) {
      const gone = isAppError(error, "not-found") || isAppError(error, "already-exists");
      if (inDoubt && gone && (await nonceOf(context, key, doing, options.signal)) === nonce) return;
      inDoubt = true;
      throw error;
    }
  });
}

async function nonceOf(context: S3Context, key: string, doing: Doing, signal: AbortSignal | undefined) {
  const command = new HeadObjectCommand({ Bucket: context.bucket, Key: key, ...context.settings.customerKey });
  const { Metadata: metadata } = await ask(context, doing, { signal }, (abortSignal) =>
    context.client.send(command, { abortSignal }),
  );
  return metadata?.[nonceName];
}

/**
 * Also after an abort of the run, and so without its signal; what cannot be thrown away now is swept some day. A part
 * that was under way may still arrive: only an answer that there is no such upload is the end of it.
 */
async function abandon(context: S3Context, key: string, uploadId: string): Promise<void> {
  const doing = { what: `throw away the unfinished upload of '${key}'`, permission: "s3:AbortMultipartUpload" };
  const upload = { Bucket: context.bucket, Key: key, UploadId: uploadId };
  try {
    for (let round = 1; round <= abandonRounds; round += 1) {
      const command = new AbortMultipartUploadCommand(upload);
      await ask(context, doing, { ms: 10_000 }, (abortSignal) => context.client.send(command, { abortSignal }));
    }
  } catch (error) {
    if (!isAppError(error, "not-found")) context.log.debug(toAppError(error).message);
  }
}

/**
 * Throws away uploads below the prefix that were begun more than a day ago, and that cost space unseen; gives their
 * number. A store that cannot list them, or does not let us, is left alone.
 */
export async function sweepUploads(context: S3Context, prefix: string, signal?: AbortSignal): Promise<number> {
  const doing = {
    what: `list unfinished uploads in ${context.description}`,
    permission: "s3:ListBucketMultipartUploads",
  };
  let swept = 0;
  let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } = {};
  for (;;) {
    const command = new ListMultipartUploadsCommand({ Bucket: context.bucket, Prefix: prefix, ...marker });
    const page = await ask(context, doing, { signal }, (abortSignal) => context.client.send(command, { abortSignal }));
    for (const { Key: key, UploadId: id, Initiated: begun } of page.Uploads ?? []) {
      throwIfAborted(signal);
      if (key === undefined || id === undefined || begun === undefined || !key.startsWith(prefix)) continue;
      if (context.clock.now() - begun.getTime() <= abandonedAfterMs) continue;
      await abandon(context, key, id);
      swept += 1;
    }
    const { NextKeyMarker: nextKey, NextUploadIdMarker: nextId } = page;
    const same = nextKey === marker.KeyMarker && nextId === marker.UploadIdMarker;
    if (page.IsTruncated !== true || nextKey === undefined || same) break;
    marker = { KeyMarker: nextKey, ...(nextId === undefined ? {} : { UploadIdMarker: nextId }) };
  }
  if (swept > 0) context.log.info(`threw away ${swept} uploads that were begun and never finished below ${prefix}`);
  return swept;
}
