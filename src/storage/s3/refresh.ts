/** Renewing an object's date: the store copies it onto itself, with everything it has beside its bytes. */
import { AppError, isAppError } from "../../errors.ts";
import { encodePath, type Operation, type ResponseHeaders, serviceErrorOf, type XmlElement } from "../../http/http.ts";
import type { CallOptions } from "../contract.ts";
import { bufferedSource } from "../remote/buffered-parts.ts";
import { objectSize } from "../remote/object-size.ts";
import { wholeSeconds } from "./bucket.ts";
import type { S3Context } from "./context.ts";
import { type Headers, keptHeaders, tagHeaders } from "./headers.ts";
import { abortUpload } from "./incomplete-uploads.ts";
import { beginUpload, type CompletedPart, completeUpload, partSizeOf } from "./multipart.ts";
import { makePayload } from "./payload.ts";
import { slowMs } from "./wire.ts";

const gibibyte = 1024 ** 3;

/** Sizes that the tests of large copies make smaller. */
export interface CopySizes {
  /** The largest object that a store copies in one call. */
  readonly maxBytes: number;
  readonly partBytes: number;
}

export const copySizes: CopySizes = { maxBytes: 5 * gibibyte, partBytes: gibibyte };

interface Copy {
  readonly key: string;
  readonly sizeBytes: number;
  /** Of the object as it is. */
  readonly old: ResponseHeaders;
  readonly operation: Operation;
  readonly signal: AbortSignal | undefined;
}

/** Finds out what the server can do, and remembers it. */
export class Refresher {
  readonly #context: S3Context;
  readonly #sizes: CopySizes;
  /** There are servers that take the copy, and keep the date. */
  #copyRenews = true;

  constructor(context: S3Context, sizes: CopySizes = copySizes) {
    this.#context = context;
    this.#sizes = sizes;
  }

  /**
   * Two requests, and three more for each object that is too large to be copied at once, or where the server has no
   * other way. Throws `not-found`, and `unsupported` where the store does not copy an object onto itself at all.
   */
  async refresh(key: string, { signal }: CallOptions = {}): Promise<void> {
    const { wire, description, settings } = this.#context;
    const operation = { what: `renew '${key}' in ${description}`, permission: "s3:GetObject and s3:PutObject" };
    const old = await wire.headers({ method: "HEAD", key, headers: settings.customerKey, signal, operation });
    const sizeBytes = objectSize(old["content-length"], operation);
    const copy = { key, sizeBytes, old, operation, signal };
    if (sizeBytes <= this.#sizes.maxBytes && this.#copyRenews) {
      if (await this.#copyWhole(copy)) return;
      this.#copyRenews = false;
    }
    await (sizeBytes === 0 ? writeEmpty(this.#context, copy) : copyInParts(this.#context, copy, this.#sizes));
  }

  /** A store copies onto itself only what changes, so the metadata is replaced, by itself. Tells whether it helped. */
  async #copyWhole({ key, old, operation, signal }: Copy): Promise<boolean> {
    const headers = { ...keptHeaders(old), "x-amz-metadata-directive": "REPLACE", ...copyHeaders(this.#context, key) };
    try {
      const request = { method: "PUT", key, headers, operation, signal } as const;
      const result = await this.#context.wire.xml(request, "CopyObjectResult", slowMs);
      return wholeSeconds(result.textOf("LastModified")) > wholeSeconds(old["last-modified"]);
    } catch (error) {
      const code = isAppError(error) ? serviceErrorOf(error)?.code : undefined;
      if (isAppError(error, "unsupported") || code === "InvalidRequest") return false;
      throw error;
    }
  }
}

/** Headers that name the source, and the keys to read and to write it. */
function copyHeaders({ bucket, settings }: S3Context, key: string): Headers {
  const source = { "x-amz-copy-source": `${bucket}/${encodePath(key)}` };
  return { ...source, ...settings.customerKey, ...settings.copySource };
}

/** An empty object has no parts to copy. */
async function writeEmpty(context: S3Context, copy: Copy): Promise<void> {
  const { key, operation, signal } = copy;
  const headers = await recreatedHeaders(context, copy);
  const body = await makePayload({ source: bufferedSource(Buffer.alloc(0)), sizeBytes: 0 }, context.dialect.integrity);
  await context.wire.store({ method: "PUT", key, headers, body, operation, signal });
}

async function copyInParts(context: S3Context, copy: Copy, sizes: CopySizes): Promise<void> {
  const { key, operation, signal } = copy;
  const headers = await recreatedHeaders(context, copy);
  const id = await beginUpload(context.wire, { key, headers, operation, signal });
  try {
    const parts = await copyParts(context, copy, { id, sizes });
    await completeUpload(context, { key, id, parts, operation, signal });
  } catch (error) {
    // The failure of the copy is the one to report; a later run sweeps what is left.
    await abortUpload(context, key, id, operation).catch(() => undefined);
    throw error;
  }
}

async function copyParts(
  context: S3Context,
  { key, sizeBytes, operation, signal }: Copy,
  { id, sizes }: { readonly id: string; readonly sizes: CopySizes },
): Promise<CompletedPart[]> {
  const partBytes = partSizeOf(sizeBytes, sizes.partBytes);
  const parts: CompletedPart[] = [];
  for (let start = 0; start < sizeBytes; start += partBytes) {
    const number = parts.length + 1;
    const range = `bytes=${start}-${Math.min(sizeBytes, start + partBytes) - 1}`;
    const headers = { ...copyHeaders(context, key), "x-amz-copy-source-range": range };
    const query = { partNumber: String(number), uploadId: id };
    const request = { method: "PUT", key, query, headers, operation, signal } as const;
    const result = await context.wire.xml(request, "CopyPartResult", slowMs);
    const etag = result.textOf("ETag");
    if (etag === undefined) throw new AppError("protocol", `cannot ${operation.what}: a part has no ETag`);
    parts.push({ number, etag, crc32: undefined });
  }
  return parts;
}

/** For an object that is created again, which does not take over tags. */
async function recreatedHeaders(context: S3Context, { key, old, operation, signal }: Copy): Promise<Headers> {
  const own = { ...keptHeaders(old), ...context.settings.customerKey };
  if (Number(old["x-amz-tagging-count"] ?? 0) === 0) return own;
  const answer = await context.wire.xml({ method: "GET", key, query: { tagging: "" }, operation, signal }, "Tagging");
  return { ...own, ...tagHeaders(Object.fromEntries((answer.first("TagSet")?.all("Tag") ?? []).map(pairOf))) };
}

function pairOf(tag: XmlElement): [string, string] {
  return [tag.textOf("Key") ?? "", tag.textOf("Value") ?? ""];
}
