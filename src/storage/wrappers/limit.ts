import type { AdaptiveLimit } from "../../concurrency/concurrency.ts";
import type { Storage } from "../contract.ts";

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
