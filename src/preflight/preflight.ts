/** Whether this machine can back up and restore, and whether a store does what is asked of it, before it matters. */
export { areCredentialsRefused, type Finding } from "./finding.ts";
export { type CheckDependencies, check } from "./run.ts";
export { validateStorage } from "./validate.ts";
