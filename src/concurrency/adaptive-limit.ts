import type { Clock } from "../clock.ts";
import { isAppError } from "../errors.ts";
import { orAborted } from "./abortable.ts";

/** So long does it take to see whether one more call is welcome. */
const settleMs = 1000;

/**
 * How many calls may be under way at once: any number until the other side refuses one because there are too many
 * (`throttled`). From then on it is what was still under way at each refusal, and one more for each second without one,
 * until it is what it was at first. Never below one.
 */
export class AdaptiveLimit {
  readonly #clock: Clock;
  #limit = Number.POSITIVE_INFINITY;
  /** The most that were under way when the first refusal came: with as many again, there is no limit any more. */
  #asked = 0;
  #running = 0;
  #changedMs = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Infinity where nobody has refused. */
  get current(): number {
    return this.#limit;
  }

  /** Does the work when its turn comes; first come, first served. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running < this.#limit && this.#waiting.length === 0) this.#running += 1;
    else await this.#turn(signal);
    try {
      const result = await work();
      this.#running -= 1;
      this.#raise();
      return result;
    } catch (error) {
      this.#running -= 1;
      if (isAppError(error, "throttled")) this.lower();
      throw error;
    } finally {
      this.#admit();
    }
  }

  /** Something that is part of one of the calls under way was refused. */
  lower(): void {
    this.#asked = Math.max(this.#asked, this.#running);
    this.#limit = Math.max(1, Math.min(this.#limit, this.#running));
    this.#changedMs = this.#clock.monotonic();
  }

  #raise(): void {
    const nowMs = this.#clock.monotonic();
    if (this.#limit === Number.POSITIVE_INFINITY || nowMs - this.#changedMs < settleMs) return;
    this.#changedMs = nowMs;
    this.#limit += 1;
    if (this.#limit > this.#asked) this.#limit = Number.POSITIVE_INFINITY;
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await orAborted(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      // Gone from the queue, its turn has come, and goes to the next.
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#running -= 1;
      this.#admit();
      throw error;
    }
  }

  #admit(): void {
    while (this.#running < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running += 1;
      next();
    }
  }
}
