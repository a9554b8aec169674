import { type ErrorCode, toAppError } from "../errors.ts";

/** What one check found. A warning is something to know of; it does not keep a backup or a restore from working. */
export interface Finding {
  /** "JMX", "data directories": the same in each run. */
  readonly check: string;
  readonly verdict: "ok" | "warn" | "fail";
  /** One clause. */
  readonly says: string;
  /** What the operator can do. */
  readonly hint?: string;
  /** Of a failure. */
  readonly code?: ErrorCode;
}

/** What a check says when it has found nothing wrong, or something to know of. */
export interface Passed {
  readonly says: string;
  readonly warning?: boolean;
  readonly hint?: string;
}

/** Runs one check: what it throws is what it found; undefined is nothing to tell of. A cancellation is neither. */
export async function find(
  check: string,
  signal: AbortSignal,
  look: () => Promise<Passed | undefined>,
): Promise<Finding | undefined> {
  try {
    const passed = await look();
    if (passed === undefined) return undefined;
    const { says, warning, hint } = passed;
    return { check, verdict: warning === true ? "warn" : "ok", says, ...(hint === undefined ? {} : { hint }) };
  } catch (thrown) {
    signal.throwIfAborted();
    const { code, message, hint } = toAppError(thrown);
    return { check, verdict: "fail", says: message, code, ...(hint === undefined ? {} : { hint }) };
  }
}
