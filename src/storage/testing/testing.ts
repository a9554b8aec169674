/** Stores and wrappers for tests of other folders; nothing that ships imports this. */

export { withLimit } from "../wrappers/limit.ts";
export { withLogging } from "../wrappers/logging.ts";
export { withoutWriting } from "../wrappers/read-only.ts";
export { withRetries } from "../wrappers/retries.ts";
export { type Fault, type FaultyStorage, faultyStorage, type PlannedFault, randomlyFaultyStorage } from "./faulty.ts";
export { memoryStorage } from "./memory.ts";
