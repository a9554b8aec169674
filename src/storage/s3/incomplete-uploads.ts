/** Uploads in parts that earlier runs have begun and never finished, to go on with or to throw away. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { isAppError, throwIfAborted, toAppError } from "../../errors.ts";
import type { Operation } from "../../http/http.ts";
import type { ByteStream } from "../contract.ts";
import { checksumText } from "../remote/checksum-text.ts";
import { isTruncated } from "./bucket.ts";
import type { S3Context } from "./context.ts";

const abandonRounds = 3;
const abandonedAfterMs = 24 * 3600 * 1000;

/** IDs of unfinished uploads by their keys, the newest first. */
export type IncompleteUploads = Map<string, string[]>;

/** One that the store has of an upload. */
export interface SentPart {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly crc32: string | undefined;
}

/**
 * The incomplete uploads below the prefix. Those that are more than a day old are aborted: they cost space
 * unseen. A store that cannot list them, or does not let us, has none.
 */
export async function findIncomplete(
  context: S3Context,
  prefix: string,
  signal?: AbortSignal,
): Promise<IncompleteUploads> {
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
    // A backup does not fail because an old upload can be neither removed nor resumed.
    context.log.debug(`unfinished uploads are left alone: ${toAppError(error).message}`);
  }
  if (swept > 0) context.log.info(`threw away ${swept} uploads that were begun and never finished below ${prefix}`);
  const byKey: IncompleteUploads = new Map();
  for (const { key, id } of found.sort((a, b) => b.begunMs - a.begunMs)) {
    byKey.set(key, [...(byKey.get(key) ?? []), id]);
  }
  return byKey;
}

async function* listUploads({ wire, description }: S3Context, prefix: string, signal: AbortSignal | undefined) {
  const operation = {
    what: `list unfinished uploads in ${description}`,
    permission: "s3:ListBucketMultipartUploads",
  };
  let marker: { readonly key?: string | undefined; readonly id?: string | undefined } = {};
  for (;;) {
    const query = {
      uploads: "",
      prefix,
      ...(marker.key === undefined ? {} : { "key-marker": marker.key }),
      ...(marker.id === undefined ? {} : { "upload-id-marker": marker.id }),
    };
    const page = await wire.xml({ method: "GET", query, signal, operation }, "ListMultipartUploadsResult");
    for (const upload of page.all("Upload")) {
      throwIfAborted(signal);
      const [key, id] = [upload.textOf("Key"), upload.textOf("UploadId")];
      const begunMs = Date.parse(upload.textOf("Initiated") ?? "");
      if (key === undefined || id === undefined || Number.isNaN(begunMs) || !key.startsWith(prefix)) continue;
      yield { key, id, begunMs };
    }
    const next = { key: page.textOf("NextKeyMarker"), id: page.textOf("NextUploadIdMarker") };
    const isSame = next.key === marker.key && next.id === marker.id;
    if (!isTruncated(page) || next.key === undefined || isSame) return;
    marker = next;
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
      const query = { uploadId, ...(marker === undefined ? {} : { "part-number-marker": marker }) };
      // The key of the customer that the upload began with.
      const headers = context.settings.customerKey;
      const page = await context.wire.xml({ method: "GET", key, query, headers, signal, operation }, "ListPartsResult");
      for (const part of page.all("Part")) {
        const [number, size, etag] = [part.textOf("PartNumber"), part.textOf("Size"), part.textOf("ETag")];
        if (number === undefined || size === undefined || etag === undefined) continue;
        parts.set(Number(number), { sizeBytes: Number(size), etag, crc32: part.textOf("ChecksumCRC32") });
      }
      const next = isTruncated(page) ? page.textOf("NextPartNumberMarker") : undefined;
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
 * Also after an abort of the run, and so without its signal; what cannot be aborted now is aborted by a later run. A part
 * that was under way may still arrive: only an answer that there is no such upload is the end of it.
 */
export async function abandon(context: S3Context, key: string, uploadId: string): Promise<void> {
  const operation = { what: `throw away the unfinished upload of '${key}'`, permission: "s3:AbortMultipartUpload" };
  for (let round = 1; round <= abandonRounds; round += 1) {
    try {
      await abortUpload(context, key, uploadId, operation);
    } catch (error) {
      if (isAppError(error, "not-found")) return;
      context.log.debug(toAppError(error).message);
      // A part that arrives just then may be in the server's way.
      if (!isAppError(error, "storage") || !error.retryable) return;
    }
  }
}

const abortMs = 10_000;

/** One try, without the run's signal. */
export async function abortUpload(
  { wire }: S3Context,
  key: string,
  uploadId: string,
  operation: Operation,
): Promise<void> {
  await wire.headers({ method: "DELETE", key, query: { uploadId }, operation }, abortMs);
}
