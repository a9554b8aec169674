import type { Clock } from "../clock.ts";
import type { AdaptiveLimit } from "../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatDuration } from "../units.ts";
import type { RetryBudget } from "./budget.ts";

/** How often, and how soon, a call that failed is made again. */
export interface RetryPolicy {
  /** Tries of one call, the first included. */
  readonly maxAttempts: number;
  /** The longest wait before the second try; each wait is a random part of its longest, so that many do not try at once. */
  readonly intervalMs: number;
  /** The longest wait stays as it is, or doubles with each try. */
  readonly strategy: "linear" | "exponential";
  /** Of all calls of a run together; without end when left out. */
  readonly budget?: RetryBudget;
  /** Lowered by refusals of what is part of a call: the parts of a large object. */
  readonly limit?: AdaptiveLimit;
}

export interface RetryOptions extends RetryPolicy {
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
}

/** Where nobody has asked for anything else. */
export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 5, intervalMs: 200, strategy: "exponential" };
/** Doubling stops here; an interval that was asked to be longer is kept. */
const maxDoubledDelayMs = 20_000;
/** So many times as often is a call tried that the store would take if it came later. */
const patience = 3;

/** The tries of one call. */
export class Attempts {
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  readonly #options: RetryOptions;
  #made = 1;

  constructor(what: string, signal: AbortSignal | undefined, options: RetryOptions) {
    this.#what = what;
    this.#signal = signal;
    this.#options = options;
  }

  /** Waits until the next try is due, or throws the error where it is permanent or the tries are used up. */
  async afterFailure(error: unknown): Promise<void> {
    throwIfAborted(this.#signal);
    const { clock, random, log, maxAttempts, budget, limit } = this.#options;
    if (!isAppError(error) || !error.retryable || maxAttempts === 1) throw error;
    const throttled = error.code === "throttled";
    if (throttled) limit?.lower();
    if (this.#made >= (throttled ? patience * maxAttempts : maxAttempts)) throw error;
    // What a store asks for is no trouble of its own: fewer calls are under way then, and later ones succeed.
    if (!throttled && budget?.spend() === false) throw error;
    const delayMs = random() * this.#longestDelayMs();
    log.info(`${this.#what}: ${error.message}; trying again in ${formatDuration(delayMs)}`);
    this.#made += 1;
    await clock.sleep(delayMs, this.#signal);
  }

  #longestDelayMs(): number {
    const { intervalMs, strategy } = this.#options;
    if (strategy === "linear") return intervalMs;
    return Math.max(intervalMs, Math.min(maxDoubledDelayMs, intervalMs * 2 ** (this.#made - 1)));
  }

  /** Something was achieved: the next failure is a first one. */
  reset(): void {
    this.#made = 1;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.goOn(work);
    this.#options.budget?.earn();
    return result;
  }

  /** The same for what only continues a call: a read that is cut again and again must come to an end. */
  async goOn<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await this.afterFailure(error);
      }
    }
  }
}

/** The error of a call that has been tried often enough, so that what it is part of is not tried again. */
export function final(error: unknown): unknown {
  if (!isAppError(error) || !error.retryable) return error;
  const { code, message, hint, cause } = error;
  return new AppError(code, message, { retryable: false, cause, hint });
}
