/** What concerns a bucket as a whole: whether it is there, what it holds, and deleting from it. */
import { createHash } from "node:crypto";
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  DeleteObjectsCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { awsServiceError } from "../../aws/aws.ts";
import { AppError, isAppError, throwIfAborted } from "../../errors.ts";
import { serviceErrorOf, unlessMissing } from "../../http/http.ts";
import type { CallOptions, DeleteResult, ObjectInfo } from "../contract.ts";
import { isKey } from "../keys.ts";
import { ask, type S3Context } from "./context.ts";

export async function bucketExists(context: S3Context, options: CallOptions = {}): Promise<boolean> {
  const operation = { what: `look for ${context.description}`, permission: "s3:ListBucket" };
  const command = new HeadBucketCommand({ Bucket: context.bucket });
  const asked = ask(context, operation, options, (abortSignal) => context.client.send(command, { abortSignal }));
  return (await unlessMissing(asked)) !== undefined;
}

export async function createBucket(context: S3Context, options: CallOptions = {}): Promise<void> {
  const operation = { what: `create ${context.description}`, permission: "s3:CreateBucket" };
  const constraint = locationConstraint(context);
  const command = new CreateBucketCommand({
    Bucket: context.bucket,
    ...(constraint === undefined ? {} : { CreateBucketConfiguration: { LocationConstraint: constraint } }),
  });
  try {
    await ask(context, operation, options, (abortSignal) => context.client.send(command, { abortSignal }));
  } catch (error) {
    const code = isAppError(error) ? serviceErrorOf(error)?.code : undefined;
    if (code === "BucketAlreadyOwnedByYou") return;
    if (code !== "BucketAlreadyExists") throw error;
    // Some servers say this of our own bucket, too. Another's lets us in or not; either way nothing is left to create.
    await bucketExists(context, options);
  }
}

/** Only AWS has regions to choose from; the oldest one must not be named. */
function locationConstraint({ dialect, region }: S3Context): BucketLocationConstraint | undefined {
  if (dialect.name !== "AWS" || region === "us-east-1") return undefined;
  // The SDK lists the regions that it knew when it was built; a newer one is as good.
  return region as BucketLocationConstraint;
}

/** One request for each thousand objects. Names that no key of ours can have are passed over. */
export async function* listObjects(
  context: S3Context,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectInfo, void> {
  for await (const page of pages(context, { Prefix: prefix }, options)) {
    for (const { Key: encoded = "", Size: sizeBytes = 0, LastModified: modified } of page.Contents ?? []) {
      const key = decoded(page, encoded);
      if (!isKey(key) || !key.startsWith(prefix)) continue;
      throwIfAborted(options.signal);
      yield { key, sizeBytes, modifiedMs: wholeSeconds(modified) };
    }
  }
}

export async function listFolders(context: S3Context, prefix: string, options: CallOptions = {}): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of pages(context, { Prefix: prefix, Delimiter: "/" }, options)) {
    for (const { Prefix: encoded = "" } of page.CommonPrefixes ?? []) {
      const name = decoded(page, encoded).slice(prefix.length, -1);
      if (isKey(name)) names.add(name);
    }
  }
  return [...names];
}

/** Stat shows a date in whole seconds, and the listing must show the same. */
export function wholeSeconds(date: Date | undefined): number {
  return Math.floor((date?.getTime() ?? 0) / 1000) * 1000;
}

async function* pages(
  context: S3Context,
  what: { readonly Prefix: string; readonly Delimiter?: string },
  options: CallOptions,
): AsyncGenerator<ListObjectsV2CommandOutput, void> {
  const operation = { what: `list ${context.description}`, permission: "s3:ListBucket" };
  let token: string | undefined;
  do {
    // XML cannot carry every character of a key.
    const command = new ListObjectsV2Command({
      Bucket: context.bucket,
      EncodingType: "url",
      ...what,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const page = await ask(context, operation, options, (abortSignal) => context.client.send(command, { abortSignal }));
    yield page;
    const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (page.IsTruncated === true && (next === undefined || next === token)) {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the listing goes on`);
    }
    token = next;
  } while (token !== undefined);
}

function decoded({ EncodingType: encoding }: ListObjectsV2CommandOutput, text: string): string {
  return encoding === "url" ? decodeURIComponent(text.replaceAll("+", " ")) : text;
}

/** What a store takes at most in one call. */
const maxDeletedAtOnce = 1000;

export async function deleteObjects(
  context: S3Context,
  keys: readonly string[],
  options: CallOptions = {},
): Promise<DeleteResult> {
  const failed: { key: string; error: Error }[] = [];
  const distinct = [...new Set(keys)];
  for (let at = 0; at < distinct.length; at += maxDeletedAtOnce) {
    failed.push(...(await deleteBatch(context, distinct.slice(at, at + maxDeletedAtOnce), options)));
  }
  return { failed };
}

async function deleteBatch(
  context: S3Context,
  keys: readonly string[],
  options: CallOptions,
): Promise<{ key: string; error: Error }[]> {
  const operation = { what: `delete from ${context.description}`, permission: "s3:DeleteObject" };
  const command = new DeleteObjectsCommand({
    Bucket: context.bucket,
    Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true },
  });
  if (context.dialect.md5OnDelete) addBodyMd5(command);
  const asked = ask(context, operation, options, (abortSignal) => context.client.send(command, { abortSignal }));
  const { Errors: errors = [] } = (await unlessMissing(asked)) ?? {};
  return errors
    .map(({ Key: key = "", Code: code = "", Message: message = "" }) => {
      const answer = { status: 0, code, message };
      return {
        key,
        error: awsServiceError(answer, { ...operation, what: `delete '${key}' from ${context.description}` }),
      };
    })
    .filter(({ error }) => error.code !== "not-found");
}

/** In place of the checksum that the SDK has put there. */
function addBodyMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (typeof request === "object" && request !== null && "headers" in request && "body" in request) {
        const headers = new Map(Object.entries(request.headers ?? {}));
        for (const name of headers.keys()) if (/^x-amz-(checksum-|sdk-checksum)/i.test(name)) headers.delete(name);
        headers.set("content-md5", createHash("md5").update(String(request.body)).digest("base64"));
        request.headers = Object.fromEntries(headers);
      }
      return next(args);
    },
    { step: "build", priority: "low" },
  );
}
