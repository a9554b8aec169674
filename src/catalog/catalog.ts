/** The backups that there are: what they hold, what deleting one would free, and deleting them. The door of this folder. */
export { type ListDependencies, type ListedBackup, type ListedNode, listBackups } from "./list.ts";
export { type RemoveDependencies, type RemovedBackup, type RemoveReport, removeBackups } from "./remove.ts";
export { type BackupSchema, readSchema, type TableSchema } from "./schema.ts";
