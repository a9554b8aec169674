/** Stores and wrappers for tests of other folders; nothing that ships imports this. */
export { type Fault, type FaultyStorage, faultyStorage, type PlannedFault, randomlyFaultyStorage } from "./faulty.ts";
export { memoryStorage } from "./memory.ts";
export { defaultRetryPolicy, withRetries } from "./retry.ts";
export { RetryBudget } from "./retry-budget.ts";
export { withLimit, withLogging, withoutWriting } from "./wrap.ts";
