import { orAborted } from "./abortable.ts";

/** Those who wait for their turn, first come, first served. */
export class Queue {
  readonly #waiting: (() => void)[] = [];

  /**
   * Until it is called; rejects with the signal's reason when that is aborted. A call that reaches somebody who has given
   * up in the same moment is passed on to `unused`.
   */
  async wait(signal: AbortSignal | undefined, unused: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await orAborted(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) unused();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Calls the first who waits; false where nobody does. */
  call(): boolean {
    const next = this.#waiting.shift();
    next?.();
    return next !== undefined;
  }
}
