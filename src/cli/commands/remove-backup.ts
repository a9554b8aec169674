import { type Reports, run } from "../../app/app.ts";
import { toAppError } from "../../errors.ts";
import type { RemoveRequest } from "../../request/request.ts";
import { formatBytes, formatCount, formatDuration, formatFiles } from "../../units.ts";
import type { Command, CommandContext } from "../command.ts";
import { preferLittleMemory } from "../memory.ts";
import { printableLine } from "../printable.ts";

export const removeBackupCommand: Command<RemoveRequest> = {
  async run(request, context) {
    preferLittleMemory();
    if (request.rateMs === undefined) await once(request, context);
    else await repeatedly(request, request.rateMs, context);
  },
};

async function once(request: RemoveRequest, context: CommandContext): Promise<void> {
  const report = await run("remove-backup", request, context);
  const { dry } = request;
  context.output.result({ type: "remove-backup", dry, ...report }, () => describe(report, dry));
}

/** Runs until it is stopped: neither a store that fails once nor a backup that is running ends it. */
async function repeatedly(request: RemoveRequest, rateMs: number, context: CommandContext): Promise<void> {
  const { clock, log, signal } = context;
  for (;;) {
    try {
      await once(request, context);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (!error.retryable && error.code !== "busy") throw error;
      log.warn(`${error.message}; retrying in ${formatDuration(rateMs)}`);
    }
    await clock.sleep(rateMs, signal);
  }
}

function describe({ removed, keptNewest, finished }: Reports["remove-backup"], dry: boolean): string {
  const verb = dry ? "would remove" : "removed";
  const lines = removed.map(
    ({ path, name, objects, bytes }) =>
      `${verb} ${name} of ${path.node}, freeing ${formatFiles({ files: objects, bytes })}`,
  );
  for (const { path, name } of keptNewest) {
    lines.push(`kept ${name} of ${path.node}: no newer backup has all its tables, so it is removed only by --name`);
  }
  if (finished > 0) lines.push(`completed ${formatCount(finished, "interrupted removal")}`);
  const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
  lines.push(`${verb} ${formatCount(removed.length, "backup")}, freeing ${formatBytes(bytes)}`);
  return lines.map(printableLine).join("\n");
}
