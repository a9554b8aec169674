import { verbs } from "../request/request.ts";
import { type Commands, programCommand } from "./command.ts";

/** All that is installed, in the order of help. */
export const commands: Commands = {
  backup: programCommand(verbs.backup, async () => (await import("./commands/backup.ts")).backupCommand),
  restore: programCommand(verbs.restore, async () => (await import("./commands/restore.ts")).restoreCommand),
  list: programCommand(verbs.list, async () => (await import("./commands/list.ts")).listCommand),
  "remove-backup": programCommand(
    verbs["remove-backup"],
    async () => (await import("./commands/remove-backup.ts")).removeBackupCommand,
  ),
  check: programCommand(verbs.check, async () => (await import("./commands/check.ts")).checkCommand),
  "validate-storage": programCommand(
    verbs["validate-storage"],
    async () => (await import("./commands/validate-storage.ts")).validateStorageCommand,
  ),
  "rotate-key": programCommand(
    verbs["rotate-key"],
    async () => (await import("./commands/rotate-key.ts")).rotateKeyCommand,
  ),
};
