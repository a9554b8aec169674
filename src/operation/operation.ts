/** One operation of a kind at a time on a machine. */
export { acquireLock } from "./lock.ts";
