/**
 * Doing several things at once, at a bounded pace and for a bounded time. Knows nothing of what is done.
 */
export { abortable, orAborted } from "./abortable.ts";
export { AdaptiveLimit } from "./adaptive-limit.ts";
export { withDeadline } from "./deadline.ts";
export { forEachConcurrently } from "./pool.ts";
export { Queue } from "./queue.ts";
export { type RateLimit, rateLimit, unlimited } from "./rate-limit.ts";
