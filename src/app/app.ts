/** The composition root. */
export { requestedKeys } from "./keys.ts";
export { openRequestedStorage, refuseGlobal, retryPolicy, storeSettings } from "./open.ts";
