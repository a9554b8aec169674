import type { Clock } from "../clock.ts";
import { type ErrorCode, toAppError } from "../errors.ts";

/** What one check found. A warning is something to know of; it does not keep a backup or a restore from working. */
export interface Finding {
  /** "JMX", "data directories": the same in each run. */
  readonly check: string;
  /** What was skipped could not be looked at, because of a failure that is told before it. */
  readonly verdict: "ok" | "warn" | "fail" | "skip";
  /** One clause. */
  readonly says: string;
  readonly tookMs: number;
  /** What the operator can do. */
  readonly hint?: string | undefined;
  /** Of a failure. */
  readonly code?: ErrorCode | undefined;
  /** What the credentials lack, of a failure. */
  readonly permissions?: readonly string[] | undefined;
}

/** Whether it is the credentials themselves that are refused, and not what they may do. */
export function areCredentialsRefused(finding: Finding | undefined): boolean {
  return finding?.code === "unauthorized" && finding.permissions === undefined;
}

/** What a check says when it has found nothing wrong, or something to know of. */
export interface Passed {
  readonly says: string;
  readonly warning?: boolean | undefined;
  /** It has found nothing, and could not. */
  readonly skipped?: boolean | undefined;
  readonly hint?: string | undefined;
}

export interface ChecksDependencies {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with each finding as soon as it is there. */
  onFinding?: ((finding: Finding) => void) | undefined;
}

/** Runs checks one by one, collects what they find, and tells it. What a check throws is what it found; a cancellation is not. */
export class Checks {
  readonly findings: Finding[] = [];
  readonly #dependencies: ChecksDependencies;

  constructor(dependencies: ChecksDependencies) {
    this.#dependencies = dependencies;
  }

  /** Gives what `look` found for the checks that build on it, undefined if it failed; there may be nothing to tell of. */
  async run<T>(check: string, look: () => Promise<T>, tell: (result: T) => Passed | undefined): Promise<T | undefined> {
    const { clock, signal } = this.#dependencies;
    const beganMs = clock.monotonic();
    const add = (finding: Omit<Finding, "check" | "tookMs">) => {
      this.#add({ check, tookMs: Math.round(clock.monotonic() - beganMs), ...finding });
    };
    try {
      const result = await look();
      const passed = tell(result);
      if (passed === undefined) return result;
      const { says, warning, skipped, hint } = passed;
      const verdict = skipped === true ? "skip" : warning === true ? "warn" : "ok";
      add({ verdict, says, hint });
      return result;
    } catch (thrown) {
      signal.throwIfAborted();
      const { code, message, hint, permissions } = toAppError(thrown);
      add({
        verdict: "fail",
        says: message,
        code,
        hint,
        ...(permissions.length === 0 ? {} : { permissions }),
      });
      return undefined;
    }
  }

  async pass(check: string, look: () => Promise<Passed | undefined>): Promise<void> {
    await this.run(check, look, (passed) => passed);
  }

  #add(finding: Finding): void {
    this.findings.push(finding);
    this.#dependencies.onFinding?.(finding);
  }
}
