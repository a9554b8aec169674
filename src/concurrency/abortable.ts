import { abortError } from "../errors.ts";

/**
 * The promise's outcome, or the signal's reason as soon as it is aborted; the work behind the promise goes on unheard.
 * Leaves nothing behind on either, unlike Promise.race with one long-lived promise.
 */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    const release = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
    if (signal.aborted) onAbort();
  });
}

/** The same items, ending with the signal's reason as soon as it is aborted, even while the next item is awaited. */
export async function* abortable<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void> {
  const iterator = items[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const step = await orAborted(iterator.next(), signal);
      if (step.done === true) {
        finished = true;
        return;
      }
      yield step.value;
    }
  } finally {
    // Not awaited: a generator stuck in its current step would answer only after that step.
    if (!finished) iterator.return?.()?.catch(() => undefined);
  }
}
