/** Restoring one node from a backup; the recipe stands in run.ts. */
export type { RestoreDependencies, RestoreReport, Strategy } from "./context.ts";
export { restore } from "./run.ts";
