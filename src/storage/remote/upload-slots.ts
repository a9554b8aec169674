import type { AdaptiveLimit } from "../../concurrency/concurrency.ts";
import { abortError } from "../../errors.ts";

/**
 * How many bodies are sent at once. Whoever puts an object always gets to send; what is left over goes to further parts
 * of large objects, so that a busy run reads each file in order, and the last files of a run use all connections.
 */
export class UploadSlots {
  readonly #max: number;
  readonly #limit: AdaptiveLimit | undefined;
  #used = 0;

  /** Where the limit is lower, there are no more slots than it allows. */
  constructor(max: number, limit?: AdaptiveLimit) {
    this.#max = max;
    this.#limit = limit;
  }

  get #spare(): boolean {
    return this.#used < Math.min(this.#max, this.#limit?.current ?? this.#max);
  }

  /** Does the work as one of the senders. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.#used += 1;
    try {
      return await work();
    } finally {
      this.#used -= 1;
    }
  }

  /**
   * Calls `send` for 0 to `count` - 1, in this order; several calls at a time once there are slots to spare. The caller
   * is within {@link use}, which counts for one of the calls. The first failure, or an abort of the signal, aborts the
   * signal given to the calls under way, and is thrown when all of them have settled.
   */
  async spread(
    count: number,
    send: (index: number, signal: AbortSignal) => Promise<void>,
    outer: AbortSignal | undefined,
  ): Promise<void> {
    const stop = new AbortController();
    const failures: unknown[] = [];
    const fail = (error: unknown) => {
      failures.push(error);
      stop.abort(error);
    };
    const onAbort = () => outer !== undefined && fail(abortError(outer));
    outer?.addEventListener("abort", onAbort, { once: true });
    if (outer?.aborted === true) onAbort();
    const helpers: Promise<void>[] = [];
    let next = 0;
    const isDone = () => next >= count || failures.length > 0;
    const sendNext = () => send(next++, stop.signal).catch(fail);
    const help = async () => {
      while (!isDone() && this.#spare) await this.use(sendNext);
    };
    while (!isDone()) {
      await sendNext();
      // A slot that is free now was free while a whole part went over: nobody else waits for it.
      while (!isDone() && this.#spare) helpers.push(help());
    }
    await Promise.all(helpers);
    outer?.removeEventListener("abort", onAbort);
    if (failures.length > 0) throw failures[0];
  }
}
