import { AppError } from "../../errors.ts";
import type { Storage } from "../contract.ts";

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
