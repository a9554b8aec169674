/** Calls that failed and are made again: the policy, the attempts of one call, the budget of a run. */
export { Attempts, defaultRetryPolicy, final, type RetryOptions, type RetryPolicy } from "./attempts.ts";
export { RetryBudget } from "./budget.ts";
