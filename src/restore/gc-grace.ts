import { parseSnapshotSchema } from "../cassandra/cassandra.ts";
import { type RestoreRequest, systemKeyspaces } from "../request/request.ts";
import { formatDuration } from "../units.ts";
import type { SelectedTable } from "./select-tables.ts";

interface Restored {
  readonly request: Pick<RestoreRequest, "phase">;
  readonly selected: readonly SelectedTable[];
  readonly createdMs: number;
  readonly nowMs: number;
}

/**
 * The warning about tables whose backup is older than their gc_grace_seconds: other replicas may have purged the
 * tombstones of rows that were deleted since, and a repair would bring these rows back. Once, with the first phases.
 */
export function gcGraceWarning({ request, selected, createdMs, nowMs }: Restored): string | undefined {
  if (!firstPhases.includes(request.phase)) return undefined;
  const ageMs = nowMs - createdMs;
  const tables = selected.filter(({ keyspace, content }) => {
    if (systemKeyspaces.has(keyspace) || content.schemaContent === undefined) return false;
    const { table } = parseSnapshotSchema(content.schemaContent);
    return table?.gcGraceSeconds !== undefined && ageMs > 1000 * table.gcGraceSeconds;
  });
  const [first, ...others] = tables;
  if (first === undefined) return undefined;
  const names = `${first.keyspace}.${first.table}${others.length === 0 ? "" : ` and ${others.length} more`}`;
  return (
    `the backup is ${formatDuration(ageMs)} old, more than gc_grace_seconds of ${names}: ` +
    "rows deleted since can reappear on all replicas, unless all of them are restored from backups of that time"
  );
}

const firstPhases: readonly RestoreRequest["phase"][] = [undefined, "init", "download"];
