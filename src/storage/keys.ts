import { AppError } from "../errors.ts";
import { type ByteRange, type CallOptions, defaultKeyLimits, type Storage } from "./contract.ts";

/** Whether the text can name an object in every store. */
export function isKey(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0") && text.split("/").every(isSegment);
}

/**
 * Whether the bucket may hold keys that begin with the text. Servers dispute about other prefixes: there is nothing to
 * list, unless the bucket itself is missing, which is thrown as `not-found`.
 */
export async function mayHold(bucket: Storage, prefix: string, options?: CallOptions): Promise<boolean> {
  const folders = prefix.split("/").slice(0, -1);
  if (prefix.isWellFormed() && !prefix.includes("\0") && folders.every(isSegment)) return true;
  if (await bucket.bucketExists(options)) return false;
  throw new AppError("not-found", `cannot list ${bucket.description}: it does not exist`);
}

function isSegment(text: string): boolean {
  return text !== "" && text !== "." && text !== "..";
}

/** Throws `usage` for anything that cannot name an object. */
export function checkKey(key: string): void {
  if (!isKey(key)) {
    throw new AppError("usage", `'${key}' is not an object key`, {
      hint: "a key has no leading or trailing slash and no empty, '.' or '..' part",
    });
  }
}

/** Throws `usage` for a key that is too long for the store; `hint` says how it becomes shorter. */
export function checkKeyLength({ capabilities, description }: Storage, key: string, hint: string): void {
  const { keyBytes, segmentBytes } = capabilities.keyLimits ?? defaultKeyLimits;
  const length = Buffer.byteLength(key);
  if (length > keyBytes) {
    const message = `the object key '${key}' has ${length} bytes, and ${description} takes ${keyBytes} at most`;
    throw new AppError("usage", message, { hint });
  }
  const long = key.split("/").find((segment) => Buffer.byteLength(segment) > segmentBytes);
  if (long === undefined) return;
  const bytes = Buffer.byteLength(long);
  throw new AppError("usage", `the file name '${long}' has ${bytes} bytes, and ${segmentBytes} is the limit`, { hint });
}

/** Throws `usage` for a prefix that `children` cannot look below. */
export function checkFolderPrefix(prefix: string): void {
  if (prefix !== "" && !(prefix.endsWith("/") && isKey(prefix.slice(0, -1)))) {
    throw new AppError("usage", `'${prefix}' is not a folder of objects`, { hint: "it is empty or ends with a slash" });
  }
}

/** Throws `usage` for a name that cannot be one directory, or one bucket, of its own. */
export function checkBucketName(name: string): void {
  if (!isKey(name) || name.includes("/")) {
    throw new AppError("usage", `'${name}' is not a bucket name`, { hint: "a bucket is one name without slashes" });
  }
}

/** Throws `usage` for a range that runs backwards or is not of whole bytes. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new AppError("usage", `${start} to ${end} is not a range of bytes`);
  }
}

/** The same range in HTTP. */
export function rangeHeader({ start, end }: ByteRange): string {
  return end === Number.MAX_SAFE_INTEGER ? `bytes=${start}-` : `bytes=${start}-${end - 1}`;
}
