/** One operation of a kind at a time on a machine. */
export { acquireLock, type LockOptions } from "./lock.ts";
export { dataLockFiles, repositoryLockName } from "./lock-names.ts";
