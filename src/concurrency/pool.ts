import { throwIfAborted } from "../errors.ts";
import { orAborted } from "./abortable.ts";

export interface PoolOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `fn` for every item, at most `limit` calls at a time, taking items only as fast as they are worked on. The
 * first failure aborts the signal given to the calls still running and takes no further item; when all of them have
 * settled, that first failure is thrown, not the aborts it caused. An abort of `options.signal` does the same and
 * throws its reason. An iterator that is stuck is left behind; a call that ignores its signal is waited for.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  fn: (item: T, signal: AbortSignal) => Promise<void> | void,
  options: PoolOptions = {},
): Promise<void> {
  throwIfAborted(options.signal);
  const stop = new AbortController();
  const onOuterAbort = () => stop.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", onOuterAbort, { once: true });
  const source = new SharedSource(items, stop.signal);
  const failures: unknown[] = [];
  const work = async () => {
    try {
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        // It may have been taken just before.
        throwIfAborted(stop.signal);
        await fn(next.value, stop.signal);
      }
    } catch (error) {
      failures.push(error);
      stop.abort(error);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, limit) }, work));
  } finally {
    options.signal?.removeEventListener("abort", onOuterAbort);
    source.close();
  }
  if (failures.length > 0) throw failures[0];
}

/** One iterator that several workers draw from, one at a time, until it ends or the signal is aborted. */
class SharedSource<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  readonly #signal: AbortSignal;
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(items: Iterable<T> | AsyncIterable<T>, signal: AbortSignal) {
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#signal = signal;
  }

  next(): Promise<IteratorResult<T, unknown>> {
    const result = this.#turn.then(() => this.#draw());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #draw(): Promise<IteratorResult<T, unknown>> {
    if (this.#ended) return { done: true, value: undefined };
    try {
      throwIfAborted(this.#signal);
      const next = this.#iterator.next();
      // Items that are available already need no wait.
      const step = "then" in next ? await orAborted(next, this.#signal) : next;
      if (step.done === true) this.#ended = true;
      return step;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Lets go of the iterator unless it has ended by itself. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
    } catch {
      // The failure that stopped the pool is what gets reported.
    }
  }
}
