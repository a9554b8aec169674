import type { Clock } from "../clock.ts";
import { isAppError } from "../errors.ts";
import { Queue } from "./queue.ts";

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
  readonly #queue = new Queue();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Infinity where nobody has refused. */
  get current(): number {
    return this.#limit;
  }

  /** Does the work when its turn comes; first come, first served. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running < this.#limit && this.#queue.isEmpty) this.#running += 1;
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
    const unused = () => {
      this.#running -= 1;
      this.#admit();
    };
    await this.#queue.wait(signal, unused);
  }

  #admit(): void {
    while (this.#running < this.#limit && this.#queue.call()) this.#running += 1;
  }
}
