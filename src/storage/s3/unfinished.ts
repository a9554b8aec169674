/** Uploads in parts that were begun and never finished: what earlier runs have left, to go on with or to throw away. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, ListPartsCommand } from "@aws-sdk/client-s3";
import { isAppError, throwIfAborted, toAppError } from "../../errors.ts";
import type { ByteStream } from "../contract.ts";
import { ask, type S3Context } from "./context.ts";
import { checksumText } from "./payload.ts";

const abandonRounds = 3;
const abandonedAfterMs = 24 * 3600 * 1000;

/** IDs of unfinished uploads by their keys, the newest first. */
export type UnfinishedUploads = Map<string, string[]>;

/** One that the store has of an upload. */
export interface SentPart {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly crc32: string | undefined;
}

/**
 * The unfinished uploads below the prefix. Those that were begun more than a day ago are thrown away: they cost space
 * unseen. A store that cannot list them, or does not let us, has none.
 */
export async function findUnfinished(
  context: S3Context,
  prefix: string,
  signal?: AbortSignal,
): Promise<UnfinishedUploads> {
  const found: { readonly key: string; readonly id: string; readonly begunMs: number }[] = [];
  let swept = 0;
  try {
    for await (const upload of listUploads(context, prefix, signal)) {
      if (context.clock.now() - upload.begunMs <= abandonedAfterMs) found.push(upload);
      else {
        await abandon(context, upload.key, upload.id);
        swept += 1;
      }
    }
  } catch (error) {
    throwIfAborted(signal);
    // What cannot be tidied up, or gone on with, is no reason not to back up.
    context.log.debug(`unfinished uploads are left alone: ${toAppError(error).message}`);
  }
  if (swept > 0) context.log.info(`threw away ${swept} uploads that were begun and never finished below ${prefix}`);
  const byKey: UnfinishedUploads = new Map();
  for (const { key, id } of found.sort((a, b) => b.begunMs - a.begunMs)) {
    byKey.set(key, [...(byKey.get(key) ?? []), id]);
  }
  return byKey;
}

async function* listUploads(context: S3Context, prefix: string, signal: AbortSignal | undefined) {
  const operation = {
    what: `list unfinished uploads in ${context.description}`,
    permission: "s3:ListBucketMultipartUploads",
  };
  let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } = {};
  for (;;) {
    const command = new ListMultipartUploadsCommand({ Bucket: context.bucket, Prefix: prefix, ...marker });
    const page = await ask(context, operation, { signal }, (abortSignal) =>
      context.client.send(command, { abortSignal }),
    );
    for (const { Key: key, UploadId: id, Initiated: begun } of page.Uploads ?? []) {
      throwIfAborted(signal);
      if (key === undefined || id === undefined || begun === undefined || !key.startsWith(prefix)) continue;
      yield { key, id, begunMs: begun.getTime() };
    }
    const { NextKeyMarker: nextKey, NextUploadIdMarker: nextId } = page;
    const same = nextKey === marker.KeyMarker && nextId === marker.UploadIdMarker;
    if (page.IsTruncated !== true || nextKey === undefined || same) return;
    marker = { KeyMarker: nextKey, ...(nextId === undefined ? {} : { UploadIdMarker: nextId }) };
  }
}

/** The parts that the store has of the upload, by number; undefined where it has forgotten the upload, or does not tell. */
export async function listParts(
  context: S3Context,
  key: string,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, SentPart> | undefined> {
  const operation = { what: `list the parts of '${key}' that were sent`, permission: "s3:ListMultipartUploadParts" };
  const parts = new Map<number, SentPart>();
  let marker: string | undefined;
  try {
    do {
      const upload = { Bucket: context.bucket, Key: key, UploadId: uploadId };
      const command = new ListPartsCommand({
        ...upload,
        ...(marker === undefined ? {} : { PartNumberMarker: marker }),
      });
      const page = await ask(context, operation, { signal }, (abortSignal) =>
        context.client.send(command, { abortSignal }),
      );
      for (const { PartNumber: number, Size: sizeBytes, ETag: etag, ChecksumCRC32: checksum } of page.Parts ?? []) {
        if (number === undefined || sizeBytes === undefined || etag === undefined) continue;
        parts.set(number, { sizeBytes, etag, crc32: checksum });
      }
      const next = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
      marker = next === marker ? undefined : next;
    } while (marker !== undefined);
    return parts;
  } catch (error) {
    throwIfAborted(signal);
    context.log.debug(toAppError(error).message);
    return undefined;
  }
}

/** Whether the part is these bytes: told by the checksum that the store keeps, or by an ETag that is an MD5. */
export async function holdsBytes(part: SentPart, sizeBytes: number, bytes: ByteStream): Promise<boolean> {
  const md5 = /^"?([0-9a-f]{32})"?$/.exec(part.etag)?.[1];
  if (part.sizeBytes !== sizeBytes || (part.crc32 === undefined && md5 === undefined)) return false;
  const hash = createHash("md5");
  let checksum = 0;
  for await (const chunk of bytes) {
    if (part.crc32 === undefined) hash.update(chunk);
    else checksum = crc32(chunk, checksum);
  }
  return part.crc32 === undefined ? hash.digest("hex") === md5 : checksumText(checksum) === part.crc32;
}

/**
 * Also after an abort of the run, and so without its signal; what cannot be thrown away now is swept some day. A part
 * that was under way may still arrive: only an answer that there is no such upload is the end of it.
 */
export async function abandon(context: S3Context, key: string, uploadId: string): Promise<void> {
  const operation = { what: `throw away the unfinished upload of '${key}'`, permission: "s3:AbortMultipartUpload" };
  const upload = { Bucket: context.bucket, Key: key, UploadId: uploadId };
  for (let round = 1; round <= abandonRounds; round += 1) {
    const command = new AbortMultipartUploadCommand(upload);
    try {
      await ask(context, operation, { ms: 10_000 }, (abortSignal) => context.client.send(command, { abortSignal }));
    } catch (error) {
      if (isAppError(error, "not-found")) return;
      context.log.debug(toAppError(error).message);
      // A part that arrives just then may be in the server's way.
      if (!isAppError(error, "storage") || !error.retryable) return;
    }
  }
}
