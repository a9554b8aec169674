import type { Clock } from "../../clock.ts";
import { toAppError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { formatBytes, formatDuration } from "../../units.ts";
import type { Storage } from "../contract.ts";

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
