/** What servers answer in place of doing what they were asked, as errors of ours. */
import { AppError, isAppError } from "../errors.ts";

/** What was being done, for messages and hints. */
export interface Doing {
  /** Continues the sentence "cannot …". */
  readonly what: string;
  /** The permissions it needs: "s3:PutObject", "s3:GetObject and s3:ListBucket". */
  readonly permission: string;
}

export interface Refusal {
  readonly status: number;
  /** "NoSuchKey"; empty where the answer had no body (HEAD). */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, if the server says so. */
  readonly region?: string | undefined;
  readonly cause?: unknown;
}

/** What a refusal comes to. */
export type RefusalKind =
  | "absent"
  | "taken"
  /** The credentials do not allow this. */
  | "denied"
  /** It is the credentials themselves that are refused. */
  | "unidentified"
  | "elsewhere"
  | "spoiled"
  | "passing"
  | "throttled"
  | "cannot"
  | "archived"
  | "final";

/** The cause of errors that a server's answer has become. */
class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    const options = refusal.cause === undefined ? undefined : { cause: refusal.cause };
    super(`${refusal.status} ${refusal.code}: ${refusal.message}`, options);
    this.refusal = refusal;
  }
}

/** What the server answered, where the error comes from an answer. */
export function refusalBehind({ cause }: AppError): Refusal | undefined {
  return cause instanceof RefusalError ? cause.refusal : undefined;
}

/** The range that was asked for begins where the object has ended. */
export function isBehindEnd(error: unknown): boolean {
  return isAppError(error) && refusalBehind(error)?.status === 416;
}

/** Absence as a value, where the store refuses for it. */
export async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAppError(error, "not-found")) return undefined;
    throw error;
  }
}

/** What a status means where nothing more is known. */
export function kindOfStatus(status: number): RefusalKind {
  if (status === 404) return "absent";
  if (status === 412) return "taken";
  if (status === 401) return "unidentified";
  if (status === 403) return "denied";
  if (status === 301 || status === 307) return "elsewhere";
  if (status === 405 || status === 501) return "cannot";
  if (status === 429 || status === 503) return "throttled";
  if (status === 408 || status === 409 || status >= 500) return "passing";
  return "final";
}

export function refused(refusal: Refusal, kind: RefusalKind, { what, permission }: Doing, hint?: string): AppError {
  const said = refusal.code === "" ? `status ${refusal.status}` : refusal.code;
  const detail = refusal.message === "" || refusal.message === refusal.code ? "" : `: ${lowered(refusal.message)}`;
  const message = `cannot ${what}: the store answered ${said}${detail}`;
  const options = { cause: new RefusalError(refusal), ...(hint === undefined ? {} : { hint }) };
  switch (kind) {
    case "absent":
      return new AppError("not-found", message, options);
    case "taken":
      return new AppError("already-exists", message, options);
    case "denied":
      return new AppError("unauthorized", message, { ...options, permissions: permission.split(" and ") });
    case "unidentified":
      return new AppError("unauthorized", message, options);
    case "elsewhere":
      return new AppError("usage", message, options);
    case "spoiled":
      return new AppError("corrupt", message, { ...options, retryable: true });
    case "passing":
      return new AppError("storage", message, options);
    case "throttled":
      return new AppError("throttled", message, options);
    case "cannot":
      return new AppError("unsupported", message, options);
    case "archived":
    case "final":
      return new AppError("storage", message, { ...options, retryable: false });
  }
}

/** What an element of an answer's XML holds; empty where it has no such element. */
export function xmlText(body: string, element: string): string {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`).exec(body)?.[1] ?? "";
  return text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** A sentence of others, as ours are written. */
export function lowered(sentence: string): string {
  const text = sentence.trim().replace(/\.$/, "");
  return /^[A-Z][a-z]/.test(text) ? text[0]?.toLowerCase() + text.slice(1) : text;
}
