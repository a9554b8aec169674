import type { Clock } from "../clock.ts";
import type { AdaptiveLimit } from "../concurrency/concurrency.ts";
import { AppError, toAppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatBytes, formatDuration } from "../units.ts";
import type { Storage } from "./storage.ts";

/** Says each call, how long it took and how it failed, on the debug level. */
export function withLogging(storage: Storage, log: Logger, clock: Clock): Storage {
  const logged = async <T>(call: string, work: () => Promise<T>): Promise<T> => {
    const beginMs = clock.monotonic();
    const took = () => formatDuration(clock.monotonic() - beginMs);
    try {
      const result = await work();
      log.debug(`${call}: ${took()}`);
      return result;
    } catch (error) {
      const { code, message } = toAppError(error);
      log.debug(`${call}: failed after ${took()}: ${message} (${code})`);
      throw error;
    }
  };
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (options) => logged("bucket exists", () => storage.bucketExists(options)),
    createBucket: (options) => logged("create bucket", () => storage.createBucket(options)),
    stat: (key, options) => logged(`stat ${key}`, () => storage.stat(key, options)),
    list: (prefix, options) => {
      log.debug(`list ${prefix}*`);
      return storage.list(prefix, options);
    },
    children: (prefix, options) => logged(`children ${prefix}`, () => storage.children(prefix, options)),
    get: (key, options) => {
      const range = options?.range;
      const part = range === undefined ? "" : ` from ${range.start} to ${range.end}`;
      return logged(`get ${key}${part}`, () => storage.get(key, options));
    },
    put: (key, source, options) => {
      const call = `put ${key} (${formatBytes(source.sizeBytes)})`;
      return logged(call, () => storage.put(key, source, options));
    },
    refresh: (key, options) => logged(`refresh ${key}`, () => storage.refresh(key, options)),
    delete: (keys, options) => {
      const call = keys.length === 1 ? `delete ${keys[0]}` : `delete ${keys.length} objects, from ${keys[0]}`;
      return logged(call, () => storage.delete(keys, options));
    },
    close: () => logged("close", () => storage.close()),
  };
}

/** Each call waits for its turn where the store has asked for fewer; a read counts until its answer begins. */
export function withLimit(storage: Storage, limit: AdaptiveLimit): Storage {
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (options) => limit.run(() => storage.bucketExists(options), options?.signal),
    createBucket: (options) => limit.run(() => storage.createBucket(options), options?.signal),
    stat: (key, options) => limit.run(() => storage.stat(key, options), options?.signal),
    // One request after the other, and seldom: its consumer may make further calls before it asks for the next page.
    list: (prefix, options) => storage.list(prefix, options),
    children: (prefix, options) => limit.run(() => storage.children(prefix, options), options?.signal),
    get: (key, options) => limit.run(() => storage.get(key, options), options?.signal),
    put: (key, source, options) => limit.run(() => storage.put(key, source, options), options?.signal),
    refresh: (key, options) => limit.run(() => storage.refresh(key, options), options?.signal),
    delete: (keys, options) => limit.run(() => storage.delete(keys, options), options?.signal),
    close: () => storage.close(),
  };
}

/** For runs that must change nothing: every call that would is a defect of its caller. */
export function withoutWriting(storage: Storage): Storage {
  const refuse = (what: string) =>
    Promise.reject(new AppError("internal", `${what} in ${storage.description}, which was opened for reading only`));
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (options) => storage.bucketExists(options),
    createBucket: () => refuse("create the bucket"),
    stat: (key, options) => storage.stat(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    children: (prefix, options) => storage.children(prefix, options),
    get: (key, options) => storage.get(key, options),
    put: (key) => refuse(`write '${key}'`),
    refresh: (key) => refuse(`renew the date of '${key}'`),
    delete: (keys) => refuse(`delete ${keys.length} objects`),
    close: () => storage.close(),
  };
}
