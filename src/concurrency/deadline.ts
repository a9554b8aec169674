import { type Clock, systemClock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { formatDuration } from "../units.ts";

/**
 * A signal that aborts with a `timeout` after `ms`, or with the outer signal's reason when that is aborted first.
 * `what` begins the sentence: "what did not finish within 30.0 s". Bind it with `using`, so that neither the timer nor
 * the listener outlives the work:
 *
 *     using signal = withDeadline(30_000, options.signal, "the health check");
 */
export function withDeadline(
  ms: number,
  outer: AbortSignal | undefined,
  what: string,
  clock: Clock = systemClock,
): AbortSignal & Disposable {
  const controller = new AbortController();
  const timer = new AbortController();
  const onOuterAbort = () => controller.abort(outer?.reason);
  const release = () => {
    timer.abort();
    outer?.removeEventListener("abort", onOuterAbort);
  };
  if (outer?.aborted === true) onOuterAbort();
  else {
    outer?.addEventListener("abort", onOuterAbort, { once: true });
    clock.sleep(ms, timer.signal).then(
      () => controller.abort(new AppError("timeout", `${what} did not finish within ${formatDuration(ms)}`)),
      // The sleep ends early only because the deadline was released.
      () => undefined,
    );
  }
  return Object.assign(controller.signal, { [Symbol.dispose]: release });
}
