import { parseSnapshotSchema, type SnapshotSchema } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { type LiveTable, targetName } from "./targets.ts";

/**
 * Truncate empties the materialized views of a table, and an import fills only the table: each view of a restored table
 * must be restored with it, as it was defined. Throws `node-state`.
 */
export function checkViews(tables: readonly LiveTable[], ofNode: ReadonlyMap<string, SnapshotSchema>): void {
  const restored = new Map(tables.map((table) => [targetName(table), table]));
  for (const [name, { view }] of ofNode) {
    if (view === undefined) continue;
    const base = `${view.baseKeyspace}.${view.baseTable}`;
    const table = restored.get(name);
    if (table !== undefined && !restored.has(base)) {
      throw new AppError("node-state", `${name} is a materialized view of ${base}, which is not restored with it`, {
        hint: `restore ${base}, which restores the view as well`,
      });
    }
    if (restored.has(base) && !isAsBackedUp(table, view.definition)) {
      const why = table === undefined ? "is not restored with it" : "had another definition in the backup";
      throw new AppError("node-state", `the materialized view ${name} of ${base} ${why}`, {
        hint: `drop ${name} before the restore and create it afterwards: Cassandra builds it then`,
      });
    }
  }
}

function isAsBackedUp(table: LiveTable | undefined, definition: string): boolean {
  if (table?.content.schemaContent === undefined) return table !== undefined;
  return parseSnapshotSchema(table.content.schemaContent).view?.definition === definition;
}
