import type { Clock } from "../clock.ts";
import { throwIfAborted } from "../errors.ts";

/** One budget of bytes, shared by all who move bytes in a run. */
export interface RateLimit {
  /** The most that one `take` should ask for, so that the pace is even: about a twentieth of a second's worth. */
  readonly maxTakeBytes: number;
  /** Resolves when `bytes` may be moved, first come first served; rejects when aborted, and then costs nothing. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
}

export const unlimited: RateLimit = {
  maxTakeBytes: Number.MAX_SAFE_INTEGER,
  take: async (_bytes, signal) => throwIfAborted(signal),
};

/** Bandwidth that was not used in the last moment may still be used, so that a late timer costs no throughput: 4 % over 10 s. */
const catchUpMs = 400;
/** A timer is never that precise: below this, going at once and paying later is as exact. */
const minSleepMs = 2;

export function rateLimit(bytesPerSecond: number, clock: Clock): RateLimit {
  const msPerByte = 1000 / bytesPerSecond;
  /** When the bytes granted so far are paid for, on the monotonic clock. */
  let paidUntilMs = clock.monotonic();
  let lastTurn: Promise<void> = Promise.resolve();

  const takeInTurn = async (bytes: number, signal: AbortSignal | undefined) => {
    throwIfAborted(signal);
    const startMs = Math.max(paidUntilMs, clock.monotonic() - catchUpMs);
    const waitMs = startMs + bytes * msPerByte - clock.monotonic();
    if (waitMs >= minSleepMs) await clock.sleep(waitMs, signal);
    paidUntilMs = startMs + bytes * msPerByte;
  };

  return {
    maxTakeBytes: Math.max(1, Math.floor(bytesPerSecond / 20)),
    take: (bytes, signal) => {
      const turn = lastTurn.then(() => takeInTurn(bytes, signal));
      // A take that waits in the queue and is aborted fails when its turn comes, without waiting for its bytes.
      lastTurn = turn.catch(() => undefined);
      return turn;
    },
  };
}
