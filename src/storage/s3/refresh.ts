/** Renewing an object's date: a copy of it onto itself, made by the store, with everything it has beside its bytes. */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { AppError, isAppError } from "../../errors.ts";
import { encodePath, type Operation, serviceErrorOf } from "../../http/http.ts";
import type { CallOptions } from "../contract.ts";
import { wholeSeconds } from "./bucket.ts";
import { ask, type S3Context, slowMs } from "./context.ts";
import { partSizeOf } from "./multipart.ts";

const gibibyte = 1024 ** 3;

/** What the tests of large copies make smaller. */
export interface CopySizes {
  /** The largest object that a store copies in one call. */
  readonly maxBytes: number;
  readonly partBytes: number;
}

export const copySizes: CopySizes = { maxBytes: 5 * gibibyte, partBytes: gibibyte };

interface Copy {
  readonly key: string;
  readonly old: HeadObjectCommandOutput;
  readonly operation: Operation;
  readonly options: CallOptions;
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
  async refresh(key: string, options: CallOptions = {}): Promise<void> {
    const { bucket, client, description, settings } = this.#context;
    const operation = { what: `renew '${key}' in ${description}`, permission: "s3:GetObject and s3:PutObject" };
    const head = new HeadObjectCommand({ Bucket: bucket, Key: key, ...settings.customerKey });
    const old = await ask(this.#context, operation, options, (abortSignal) => client.send(head, { abortSignal }));
    const copy = { key, old, operation, options };
    const sizeBytes = old.ContentLength ?? 0;
    if (sizeBytes <= this.#sizes.maxBytes && this.#copyRenews) {
      if (await this.#copyWhole(copy)) return;
      this.#copyRenews = false;
    }
    await (sizeBytes === 0 ? writeEmpty(this.#context, copy) : copyInParts(this.#context, copy, this.#sizes));
  }

  /** A store copies onto itself only what changes, so the metadata is replaced, by itself. Tells whether it helped. */
  async #copyWhole({ key, old, operation, options }: Copy): Promise<boolean> {
    const { bucket, client, settings } = this.#context;
    const command = new CopyObjectCommand({
      Bucket: bucket,
      Key: key,
      CopySource: sourceOf(this.#context, key),
      MetadataDirective: "REPLACE",
      ...kept(old),
      ...settings.customerKey,
      ...settings.copySource,
    });
    const limits = { signal: options.signal, ms: slowMs };
    try {
      const { CopyObjectResult: result } = await ask(this.#context, operation, limits, (abortSignal) =>
        client.send(command, { abortSignal }),
      );
      return wholeSeconds(result?.LastModified) > wholeSeconds(old.LastModified);
    } catch (error) {
      const code = isAppError(error) ? serviceErrorOf(error)?.code : undefined;
      if (isAppError(error, "unsupported") || code === "InvalidRequest") return false;
      throw error;
    }
  }
}

/** Of nothing there are no parts to copy. */
async function writeEmpty(context: S3Context, copy: Copy): Promise<void> {
  const { key, old, operation, options } = copy;
  const { bucket, client, settings } = context;
  const target = { Bucket: bucket, Key: key, Body: Buffer.alloc(0) };
  const command = new PutObjectCommand({
    ...target,
    ...kept(old),
    ...(await tagsOf(context, copy)),
    ...settings.customerKey,
  });
  await ask(context, operation, options, (abortSignal) => client.send(command, { abortSignal }));
}

function sourceOf({ bucket }: S3Context, key: string): string {
  return `${bucket}/${encodePath(key)}`;
}

/** What a copy would lose or change. */
function kept(old: HeadObjectCommandOutput) {
  return {
    ...(old.Metadata === undefined ? {} : { Metadata: old.Metadata }),
    ...(old.ContentType === undefined ? {} : { ContentType: old.ContentType }),
    ...(old.ContentEncoding === undefined ? {} : { ContentEncoding: old.ContentEncoding }),
    ...(old.CacheControl === undefined ? {} : { CacheControl: old.CacheControl }),
    ...(old.ContentDisposition === undefined ? {} : { ContentDisposition: old.ContentDisposition }),
    ...(old.ContentLanguage === undefined ? {} : { ContentLanguage: old.ContentLanguage }),
    ...(old.StorageClass === undefined ? {} : { StorageClass: old.StorageClass }),
    ...(old.SSECustomerAlgorithm !== undefined || old.ServerSideEncryption === undefined
      ? {}
      : { ServerSideEncryption: old.ServerSideEncryption }),
    ...(old.SSEKMSKeyId === undefined ? {} : { SSEKMSKeyId: old.SSEKMSKeyId }),
  };
}

async function copyInParts(context: S3Context, copy: Copy, sizes: CopySizes): Promise<void> {
  const { client, bucket } = context;
  const { key, old, operation, options } = copy;
  const target = { Bucket: bucket, Key: key };
  const tagging = await tagsOf(context, copy);
  const { customerKey } = context.settings;
  const begin = new CreateMultipartUploadCommand({ ...target, ...kept(old), ...tagging, ...customerKey });
  const { UploadId: uploadId } = await ask(context, operation, options, (abortSignal) =>
    client.send(begin, { abortSignal }),
  );
  const upload = { ...target, UploadId: uploadId };
  try {
    const parts = await copyParts(context, copy, { ...upload, sizes });
    const complete = new CompleteMultipartUploadCommand({
      ...upload,
      MultipartUpload: { Parts: parts },
      ...customerKey,
    });
    const limits = { signal: options.signal, ms: slowMs };
    await ask(context, operation, limits, (abortSignal) => client.send(complete, { abortSignal }));
  } catch (error) {
    const abort = new AbortMultipartUploadCommand(upload);
    // The failure of the copy is the one to report; what is left is swept some day.
    await ask(context, operation, {}, (abortSignal) => client.send(abort, { abortSignal })).catch(() => undefined);
    throw error;
  }
}

async function copyParts(
  context: S3Context,
  { key, old, operation, options }: Copy,
  { sizes, ...upload }: { Bucket: string; Key: string; UploadId: string | undefined; sizes: CopySizes },
): Promise<CompletedPart[]> {
  const sizeBytes = old.ContentLength ?? 0;
  const partBytes = partSizeOf(sizeBytes, sizes.partBytes);
  const parts: CompletedPart[] = [];
  for (let start = 0; start < sizeBytes; start += partBytes) {
    const PartNumber = parts.length + 1;
    const command = new UploadPartCopyCommand({
      ...upload,
      PartNumber,
      CopySource: sourceOf(context, key),
      CopySourceRange: `bytes=${start}-${Math.min(sizeBytes, start + partBytes) - 1}`,
      ...context.settings.customerKey,
      ...context.settings.copySource,
    });
    const limits = { signal: options.signal, ms: slowMs };
    const { CopyPartResult: result } = await ask(context, operation, limits, (abortSignal) =>
      context.client.send(command, { abortSignal }),
    );
    if (result?.ETag === undefined) throw new AppError("protocol", `cannot ${operation.what}: a part has no ETag`);
    parts.push({ PartNumber, ETag: result.ETag });
  }
  return parts;
}

/** A copy in parts is a new object to the store, which takes no tags over by itself. */
async function tagsOf(context: S3Context, { key, old, operation, options }: Copy) {
  if ((old.TagCount ?? 0) === 0) return {};
  const { client, bucket } = context;
  const command = new GetObjectTaggingCommand({ Bucket: bucket, Key: key });
  const { TagSet: tags = [] } = await ask(context, operation, options, (abortSignal) =>
    client.send(command, { abortSignal }),
  );
  const pairs = tags.map(({ Key: name = "", Value: value = "" }): [string, string] => [name, value]);
  return { Tagging: new URLSearchParams(pairs).toString() };
}
