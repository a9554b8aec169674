import type { Registry } from "./command.ts";

/** How to load each command; nothing of it is loaded before it is asked for. */
export const registry: Registry = {
  backup: async () => (await import("./commands/backup.ts")).backupCommand,
  restore: async () => (await import("./commands/restore.ts")).restoreCommand,
  list: async () => (await import("./commands/list.ts")).listCommand,
  "remove-backup": async () => (await import("./commands/remove-backup.ts")).removeBackupCommand,
  check: async () => (await import("./commands/check.ts")).checkCommand,
  "validate-storage": async () => (await import("./commands/validate-storage.ts")).validateStorageCommand,
  "rotate-key": async () => (await import("./commands/rotate-key.ts")).rotateKeyCommand,
  demo: async () => (await import("./commands/demo.ts")).demoCommand,
};
