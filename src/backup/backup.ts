/** Backing up one node; the recipe stands in run.ts. */
export type { BackupPlan } from "./plan.ts";
export { type BackupDependencies, type BackupReport, backup, planOnly } from "./run.ts";
