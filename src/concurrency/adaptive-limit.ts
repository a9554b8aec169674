import type { Clock } from "../clock.ts";
import { orAborted } from "./abortable.ts";

/** Complaints within this time are about the same burst. */
const sameBurstMs = 1000;

/**
 * How many calls may be under way at once: any number until the other side asks for fewer; then half as many as there
 * were, and one more each time that as many have succeeded, as senders on the Internet share a line. Never below one.
 */
export class AdaptiveLimit {
  readonly #clock: Clock;
  #limit = Number.POSITIVE_INFINITY;
  /** The most that were under way when the first complaint came: with as many again, there is no limit any more. */
  #asked = 0;
  #running = 0;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Infinity where nobody has complained. */
  get current(): number {
    return Math.floor(this.#limit);
  }

  /** Does the work when its turn comes; first come, first served. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running < this.current && this.#waiting.length === 0) this.#running += 1;
    else await this.#turn(signal);
    try {
      const result = await work();
      this.#raise();
      return result;
    } finally {
      this.#running -= 1;
      this.#admit();
    }
  }

  /** The other side has asked for fewer. */
  lower(): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lastCutMs < sameBurstMs) return;
    this.#lastCutMs = nowMs;
    this.#asked = Math.max(this.#asked, this.#running);
    this.#limit = Math.max(1, Math.min(this.#limit, this.#running) / 2);
  }

  #raise(): void {
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    this.#limit += 1 / this.#limit;
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
      if (at < 0) {
        this.#running -= 1;
        this.#admit();
      } else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #admit(): void {
    while (this.#running < this.current) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running += 1;
      next();
    }
  }
}
