import type { Clock } from "../clock.ts";
import type { AdaptiveLimit } from "../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatDuration } from "../units.ts";
import { objectStream } from "./object-stream.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type {
  ByteStream,
  CallOptions,
  DeleteResult,
  ObjectInfo,
  PutOptions,
  RewindableSource,
  Storage,
} from "./storage.ts";

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
/** Conditional puts are of small things, such as locks; only up to here is read back what became of one. */
const maxReadBackBytes = 64 * 1024;

/**
 * Makes calls that failed with a retryable error again, each after a random delay as the policy has it.
 * A put reads its source anew; a read that breaks midway goes on from where it stopped, with a fresh number of tries,
 * since it got somewhere (whoever reads what may be replaced meanwhile compares a hash); a listing that breaks starts
 * again and leaves out what it has given. Where a put if absent failed without telling whether it took effect, and
 * the next try finds the key taken, the bytes there decide whose it is.
 */
export function withRetries(storage: Storage, options: RetryOptions): Storage {
  const attempts = (what: string, signal: AbortSignal | undefined) => new Attempts(what, signal, options);
  const retried = <T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>) =>
    attempts(what, signal).run(work);
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (o) => retried("look for the bucket", o?.signal, () => storage.bucketExists(o)),
    createBucket: (o) => retried("create the bucket", o?.signal, () => storage.createBucket(o)),
    stat: (key, o) => retried(`stat ${key}`, o?.signal, () => storage.stat(key, o)),
    list: (prefix, o) => listAgain(storage, prefix, o, attempts(`list ${prefix}*`, o?.signal)),
    children: (prefix, o) => retried(`list ${prefix}`, o?.signal, () => storage.children(prefix, o)),
    get: async (key, o) => {
      const tries = attempts(`get ${key}`, o?.signal);
      const first = await tries.run(() => storage.get(key, o));
      const start = o?.range?.start ?? 0;
      const end = o?.range?.end ?? Number.MAX_SAFE_INTEGER;
      const reopen = (done: number) => storage.get(key, { ...o, range: { start: start + done, end } });
      return objectStream(resumed(first, tries, reopen), first.metadata);
    },
    put: (key, source, o) =>
      o?.ifAbsent === true
        ? putIfAbsentAgain(storage, key, source, o, attempts(`put ${key}`, o.signal))
        : retried(`put ${key}`, o?.signal, () => storage.put(key, source, o)),
    refresh: (key, o) => retried(`refresh ${key}`, o?.signal, () => storage.refresh(key, o)),
    delete: (keys, o) => deleteAgain(storage, keys, o, attempts("delete", o?.signal)),
    close: () => storage.close(),
  };
}

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
  return new AppError(code, message, { retryable: false, cause, ...(hint === undefined ? {} : { hint }) });
}

async function* resumed(
  first: ByteStream,
  tries: Attempts,
  reopen: (done: number) => Promise<ByteStream>,
): AsyncGenerator<Uint8Array, void> {
  let stream = first;
  for (let done = 0; ; stream = await tries.goOn(() => reopen(done))) {
    try {
      for await (const chunk of stream) {
        done += chunk.length;
        tries.reset();
        yield chunk;
      }
      return;
    } catch (error) {
      await tries.afterFailure(error);
    }
  }
}

async function* listAgain(
  storage: Storage,
  prefix: string,
  options: CallOptions | undefined,
  tries: Attempts,
): AsyncGenerator<ObjectInfo, void> {
  const given = new Set<string>();
  for (;;) {
    try {
      for await (const info of storage.list(prefix, options)) {
        if (given.has(info.key)) continue;
        given.add(info.key);
        yield info;
      }
      return;
    } catch (error) {
      await tries.afterFailure(error);
    }
  }
}

async function putIfAbsentAgain(
  storage: Storage,
  key: string,
  source: RewindableSource,
  options: PutOptions,
  tries: Attempts,
): Promise<ObjectInfo> {
  let inDoubt = false;
  return tries.run(async () => {
    try {
      return await storage.put(key, source, options);
    } catch (error) {
      if (inDoubt && isAppError(error, "already-exists")) {
        const ours = await findOurs(storage, key, source, options);
        if (ours !== undefined) return ours;
      }
      inDoubt = true;
      throw error;
    }
  });
}

/** The object of the key, if it holds exactly the source's bytes. */
async function findOurs(
  storage: Storage,
  key: string,
  source: RewindableSource,
  options: CallOptions,
): Promise<ObjectInfo | undefined> {
  const info = await storage.stat(key, options);
  if (info?.sizeBytes !== source.sizeBytes || source.sizeBytes > maxReadBackBytes) return undefined;
  const [there, ours] = [await collect(await storage.get(key, options)), await collect(source.open())];
  return there.equals(ours) ? info : undefined;
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function deleteAgain(
  storage: Storage,
  keys: readonly string[],
  options: CallOptions | undefined,
  tries: Attempts,
): Promise<DeleteResult> {
  const permanent: DeleteResult["failed"][number][] = [];
  for (let left = keys; ; ) {
    const remaining = left;
    const { failed } = await tries.run(() => storage.delete(remaining, options));
    const retryable = failed.filter(({ error }) => isAppError(error) && error.retryable);
    permanent.push(...failed.filter((failure) => !retryable.includes(failure)));
    const [first] = retryable;
    if (first === undefined) return { failed: permanent };
    try {
      await tries.afterFailure(first.error);
    } catch (error) {
      throwIfAborted(options?.signal);
      if (error !== first.error) throw error;
      return { failed: [...permanent, ...retryable] };
    }
    left = retryable.map(({ key }) => key);
  }
}
