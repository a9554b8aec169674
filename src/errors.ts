/**
 * Every failure the product can report, as one closed table. Code that fails throws an {@link AppError}; foreign errors
 * (file system, sockets, Java exceptions, SDKs) are converted once, at the edge where they appear, with `cause` kept.
 * Only main.ts turns an error into an exit status.
 */

export type ErrorCode = keyof typeof errorTable;

interface ErrorKind {
  /** Process exit status. */
  readonly exit: number;
  /** HTTP status of the sidecar's answer. */
  readonly http: number;
  /** Whether the same call may succeed when it is simply made again. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const errorTable = {
  internal: { exit: 1, http: 500, retryable: false, meaning: "a defect of the tool itself" },
  usage: { exit: 2, http: 400, retryable: false, meaning: "a flag, value or combination that cannot be right" },
  "not-found": { exit: 3, http: 404, retryable: false, meaning: "a backup, location, table or file does not exist" },
  ambiguous: { exit: 4, http: 409, retryable: false, meaning: "a name fits several things" },
  "already-exists": { exit: 5, http: 409, retryable: false, meaning: "something of that name is there already" },
  unreachable: { exit: 6, http: 502, retryable: true, meaning: "the node or the store does not answer" },
  unauthorized: { exit: 7, http: 401, retryable: false, meaning: "credentials are missing, wrong or not sufficient" },
  "node-state": { exit: 8, http: 409, retryable: false, meaning: "the node is not in the state the operation needs" },
  "node-refused": { exit: 9, http: 502, retryable: false, meaning: "Cassandra answered a call with an error" },
  corrupt: { exit: 10, http: 500, retryable: false, meaning: "bytes are not what their hash, size or format says" },
  "no-space": { exit: 11, http: 507, retryable: false, meaning: "a file system has too little free space" },
  io: { exit: 12, http: 500, retryable: false, meaning: "reading or writing local files failed" },
  storage: { exit: 13, http: 502, retryable: true, meaning: "the object store failed" },
  busy: { exit: 14, http: 409, retryable: false, meaning: "another operation of this kind is running" },
  timeout: { exit: 15, http: 504, retryable: true, meaning: "a deadline passed" },
  protocol: { exit: 16, http: 502, retryable: false, meaning: "the other side does not speak the expected protocol" },
  unsupported: { exit: 17, http: 501, retryable: false, meaning: "this version, store or strategy cannot do that" },
  throttled: { exit: 18, http: 503, retryable: true, meaning: "the store asks for fewer requests" },
  cancelled: { exit: 130, http: 409, retryable: false, meaning: "interrupted by a signal or a request" },
} as const satisfies Record<string, ErrorKind>;

export interface AppErrorOptions {
  /** What the operator can do, as one clause: lower case, no full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** As the store names them: what the credentials lack, where it says that they are not allowed to do this. */
  readonly permissions?: readonly string[] | undefined;
  /** Overrides the table where the thrower knows better (a permanent storage failure, say). */
  readonly retryable?: boolean | undefined;
}

/** One sentence for the operator (lower case, no full stop), a code of the table, and where possible a hint. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly permissions: readonly string[];
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.permissions = options.permissions ?? [];
    this.retryable = options.retryable ?? errorTable[code].retryable;
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The error as one of ours: an AppError is returned as it is, an abort becomes `cancelled`, anything else `internal`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === "AbortError") {
    if (error.cause instanceof AppError) return error.cause;
    return new AppError("cancelled", "cancelled", { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new AppError("internal", `unexpected error: ${message}`, {
    hint: "this is a defect of esop, please report it with the output of --debug",
    cause: error,
  });
}

/** The reason of an aborted signal as an AppError: the reason itself when it is one (a deadline), else `cancelled`. */
export function abortError(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason;
  if (reason instanceof AppError) return reason;
  if (reason instanceof Error && reason.name === "TimeoutError") return new AppError("timeout", "the deadline passed");
  return new AppError("cancelled", "cancelled", { cause: reason });
}

/** Throws {@link abortError} when the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}

/** The `code` of a Node system error ("ENOENT"), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A file system error as ours; `doing` continues the sentence "cannot …" ("read /x/y"). */
export function fileError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error;
  switch (systemErrorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new AppError("no-space", `cannot ${doing}: no space left on the file system`, {
        hint: "free some space there and run the same command again",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new AppError("io", `cannot ${doing}: permission denied`, {
        hint: "run esop as the user that owns Cassandra's files, or as root",
        cause: error,
      });
    case "EROFS":
      return new AppError("io", `cannot ${doing}: the file system is read-only`, { cause: error });
    case "ENOENT":
      return new AppError("not-found", `cannot ${doing}: no such file or directory`, { cause: error });
    default:
      return new AppError("io", `cannot ${doing}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
  }
}
