/**
 * New objects: small ones in one request, others in a session that takes one chunk after the other. What is under way
 * is held in memory, so that it can be proved before it is sent and sent again. Sessions that were begun and never
 * finished are nothing that is listed or paid for, and are gone after a week.
 */
import { randomUUID } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { AppError, isAppError } from "../../errors.ts";
import {
  bufferedBody,
  type HttpBody,
  type HttpResponse,
  type Operation,
  type OptionalFields,
  serviceErrorOf,
  textOf,
} from "../../http/http.ts";
import { Attempts, final } from "../../retry/retry.ts";
import { formatBytes } from "../../units.ts";
import type { ObjectInfo, PutOptions, RewindableSource } from "../contract.ts";
import { BufferedParts } from "../remote/buffered-parts.ts";
import { checksumText } from "../remote/checksum-text.ts";
import type { ChunkBuffers } from "../remote/chunk-buffers.ts";
import { malformedAnswer } from "../remote/malformed-answer.ts";
import type { GcsContext } from "./context.ts";
import { bucketPath, createdWith, infoOf, objectFields, objectPath } from "./object.ts";
import { type Fields, type GcsRequest, jsonBody } from "./wire.ts";

const maxObjectBytes = 5 * 1024 ** 4;
const takeAwayMs = 10_000;

export interface GcsPut {
  readonly key: string;
  readonly source: RewindableSource;
  readonly options: PutOptions;
  readonly operation: Operation;
  /** Larger objects are uploaded in a session. A multiple of 256 KiB, as the protocol requires. */
  readonly chunkBytes: number;
  /** Of that size. */
  readonly buffers: ChunkBuffers;
}

/** Throws `unsupported` for what the store does not take. */
export async function upload(context: GcsContext, put: GcsPut): Promise<ObjectInfo> {
  const { source, options, buffers, chunkBytes } = put;
  if (source.sizeBytes > maxObjectBytes) {
    throw new AppError("unsupported", `an object of ${formatBytes(source.sizeBytes)} is larger than the store takes`);
  }
  const chunks = new BufferedParts(source, chunkBytes);
  try {
    return await buffers.use(source.sizeBytes, async (buffer) => {
      return source.sizeBytes <= chunkBytes
        ? uploadWhole(context, put, await chunks.next(options.signal, buffer))
        : new Session(context, put, await begin(context, put)).send(chunks, buffer);
    });
  } finally {
    chunks.close();
  }
}

const resultFields = `${objectFields},crc32c,generation`;

/** The request that makes an object, or begins to. */
function creation({ bucket }: GcsContext, { key, options, operation }: GcsPut, uploadType: "multipart" | "resumable") {
  return {
    method: "POST",
    path: `/upload${bucketPath(bucket)}/o`,
    query: {
      uploadType,
      name: key,
      fields: resultFields,
      ifGenerationMatch: options.ifAbsent === true ? "0" : undefined,
    },
    signal: options.signal,
    operation,
  } as const;
}

/** The store compares the bytes with the checksum that comes before them, and then makes the object, or nothing. */
async function uploadWhole(context: GcsContext, put: GcsPut, bytes: Uint8Array): Promise<ObjectInfo> {
  const checksum = checksumText(crc32c(bytes));
  const boundary = randomUUID();
  const part = (type: string) => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
  const resource = JSON.stringify({ ...createdWith(context.options, put.options), crc32c: checksum });
  const head = `${part("application/json; charset=UTF-8")}${resource}\r\n${part("application/octet-stream")}`;
  const request: GcsRequest = {
    ...creation(context, put, "multipart"),
    headers: { "content-type": `multipart/related; boundary=${boundary}` },
    body: bufferedBody(Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)),
  };
  const response = await context.wire.send(request).catch((error: unknown) => {
    throw asSpoiled(error);
  });
  return proved(context, put, await context.wire.fields(response, put.operation), checksum);
}

/** The reason Google gives for a checksum mismatch or an unreadable request; empty where it gives none. */
const spoiledReasons = /^(badRequest|invalid|parseError)?$/;

/** Of a request that was sound when it was made, the store refuses bytes that were spoiled on the way. */
function asSpoiled(error: unknown): unknown {
  const answer = isAppError(error) ? serviceErrorOf(error) : undefined;
  if (!isAppError(error) || answer?.status !== 400 || !spoiledReasons.test(answer.code)) return error;
  return new AppError("corrupt", error.message, { retryable: true, cause: error.cause });
}

/**
 * The checksum that the store reports must be that of the bytes sent. Google refuses anything else before it makes an object; where a
 * server does not, the object that it has made is taken away again.
 */
async function proved(context: GcsContext, put: GcsPut, made: Fields, checksum: string): Promise<ObjectInfo> {
  const { key, source, operation } = put;
  const info = infoOf(made, operation);
  if (info.sizeBytes === source.sizeBytes && textOf(made, "crc32c") === checksum) return { ...info, key };
  const generation = textOf(made, "generation");
  // Without it, the object that was there before would be taken away.
  if (generation === "") throw malformedAnswer(operation, "without the generation of the new object");
  const query = { ifGenerationMatch: generation };
  const path = objectPath(context.bucket, key);
  // Also after an abort of the run, and so without its signal.
  await context.wire.ask({ method: "DELETE", path, query, operation }, takeAwayMs);
  throw new AppError("corrupt", `cannot ${operation.what}: what the store had got is not what was sent`, {
    retryable: true,
  });
}

/** Gives path and query of the session; only the endpoint is ever sent a token, whatever host the answer names. */
async function begin(context: GcsContext, put: GcsPut): Promise<Pick<GcsRequest, "path" | "query">> {
  const { body, headers } = jsonBody(createdWith(context.options, put.options));
  const sizes = { "x-upload-content-length": String(put.source.sizeBytes) };
  const request = { ...creation(context, put, "resumable"), body, headers: { ...headers, ...sizes } };
  const response = await tries(context, put)
    .run(() => context.wire.send(request))
    .catch((error: unknown) => {
      throw final(error);
    });
  response.discard();
  const { location = "" } = response.headers;
  if (!URL.canParse(location)) {
    throw new AppError("protocol", `cannot ${put.operation.what}: the store gave the upload no name`);
  }
  const { pathname, searchParams } = new URL(location);
  return { path: pathname, query: Object.fromEntries(searchParams) };
}

function tries({ clock, random, log, retry }: GcsContext, { operation, options }: GcsPut): Attempts {
  return new Attempts(operation.what, options.signal, { ...retry, clock, random, log });
}

/** How far the store has got with a session. */
type Progress =
  | { readonly kind: "lost" }
  | { readonly kind: "unfinished"; readonly nextByte: number }
  | { readonly kind: "finished"; readonly made: Fields };

const resumeIncomplete = 308;
/** There is no such session, any more. */
const isOver = (status: number) => status === 404 || status === 410;

/**
 * Every chunk is tried again by itself, from the byte on that the store lacks, so that a failure which is left is not
 * worth another upload of it all; but for a session that is lost, and for bytes that were spoiled.
 */
class Session {
  readonly #context: GcsContext;
  readonly #put: GcsPut;
  readonly #place: Pick<GcsRequest, "path" | "query">;
  /** Of all bytes up to the end of the chunk under way. */
  #checksum = 0;

  constructor(context: GcsContext, put: GcsPut, place: Pick<GcsRequest, "path" | "query">) {
    this.#context = context;
    this.#put = put;
    this.#place = place;
  }

  async send(chunks: BufferedParts, buffer: Buffer): Promise<ObjectInfo> {
    const { source, options, chunkBytes } = this.#put;
    for (let start = 0; start < source.sizeBytes; start += chunkBytes) {
      const bytes = await chunks.next(options.signal, buffer);
      this.#checksum = crc32c(bytes, this.#checksum);
      const made = await this.#sendChunk(start, bytes);
      if (made !== undefined) return proved(this.#context, this.#put, made, checksumText(this.#checksum));
    }
    throw new AppError("protocol", `cannot ${this.#put.operation.what}: the store does not finish the upload`);
  }

  /** Gives what the store has made where this was the last one. */
  async #sendChunk(start: number, bytes: Uint8Array): Promise<Fields | undefined> {
    const { source, operation } = this.#put;
    const end = start + bytes.length;
    const attempts = tries(this.#context, this.#put);
    let next = start;
    let inDoubt = false;
    const again = async (error: unknown) => {
      await attempts.afterFailure(error).catch((last: unknown) => {
        throw final(last);
      });
      inDoubt = true;
    };
    while (next < end || end === source.sizeBytes) {
      let progress: Progress;
      try {
        progress = inDoubt || next === end ? await this.#ask() : await this.#sendFrom(next, bytes, end);
      } catch (error) {
        if (isAppError(error, "corrupt")) throw error;
        await again(error);
        continue;
      }
      if (progress.kind === "finished") return progress.made;
      if (progress.kind === "lost" || progress.nextByte < start || progress.nextByte > end) {
        throw new AppError("storage", `cannot ${operation.what}: the store has lost what was sent`);
      }
      if (progress.nextByte > next) attempts.reset();
      const gotNowhere = progress.nextByte <= next && !inDoubt;
      next = progress.nextByte;
      inDoubt = false;
      if (gotNowhere)
        await again(new AppError("storage", `cannot ${operation.what}: the store does not go on with it`));
    }
    return undefined;
  }

  async #sendFrom(next: number, bytes: Uint8Array, end: number): Promise<Progress> {
    const { sizeBytes } = this.#put.source;
    const isLast = end === sizeBytes;
    const headers = {
      "content-range": `bytes ${next}-${end - 1}/${sizeBytes}`,
      "x-goog-hash": isLast ? `crc32c=${checksumText(this.#checksum)}` : undefined,
    };
    const body = bufferedBody(bytes.subarray(bytes.length - (end - next)));
    return this.#progress(this.#request(headers, body)).catch((error: unknown) => {
      throw isLast ? asSpoiled(error) : error;
    });
  }

  /** The number of bytes the store has; with all of them the object exists. */
  #ask(): Promise<Progress> {
    return this.#progress(this.#request({ "content-range": `bytes */${this.#put.source.sizeBytes}` }, bufferedBody()));
  }

  #request(headers: OptionalFields, body: HttpBody): Promise<HttpResponse> {
    return this.#context.wire.send({
      method: "PUT",
      ...this.#place,
      headers,
      body,
      accepts: (status) => status === resumeIncomplete || isOver(status) || (status >= 200 && status <= 299),
      signal: this.#put.options.signal,
      operation: this.#put.operation,
    });
  }

  async #progress(sent: Promise<HttpResponse>): Promise<Progress> {
    const response = await sent;
    if (response.status !== resumeIncomplete && !isOver(response.status)) {
      return { kind: "finished", made: await this.#context.wire.fields(response, this.#put.operation) };
    }
    response.discard();
    if (isOver(response.status)) return { kind: "lost" };
    // "bytes=0-262143"; left out where the store has nothing yet.
    const last = /^bytes=0-(\d+)$/.exec(response.headers["range"] ?? "")?.[1];
    return { kind: "unfinished", nextByte: last === undefined ? 0 : Number(last) + 1 };
  }
}
