import { listSnapshots, listSSTables, listTableDirectories } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { systemKeyspaces } from "../../request/request.ts";
import { existingDirectories } from "../directories.ts";
import type { SelectedTable } from "../select-tables.ts";

/** A table of a stopped node with the id under which the node will look for it. */
export interface StoppedTable extends SelectedTable {
  readonly tableId: string;
  /**
   * Whether something on the disk says that the node has the table: SSTables, or the snapshot of a truncate. An empty
   * directory may also be what is left of a table that was dropped and its snapshots cleared.
   */
  readonly certain: boolean;
}

/**
 * The id of each table on a stopped node. With the backup's schema restored it is the backup's; else it is that of the
 * table's directory on the node, which differs where the table was dropped and made again: files put under the former
 * id would never be seen. Throws `node-state` where no table of that name is to be found, or several.
 */
export async function findTargets(
  selected: readonly SelectedTable[],
  dataDirectories: readonly string[],
  schemaIsRestored: boolean,
  signal: AbortSignal,
): Promise<readonly StoppedTable[]> {
  const targets: StoppedTable[] = [];
  for (const table of selected) {
    const ofBackup = table.content.id;
    const keeps = schemaIsRestored || systemKeyspaces.has(table.keyspace);
    const found = keeps ? { tableId: ofBackup, certain: true } : await findOnNode(table, dataDirectories, signal);
    if (found === undefined) continue;
    targets.push({ ...table, ...found });
  }
  return targets;
}

async function findOnNode(
  table: SelectedTable,
  dataDirectories: readonly string[],
  signal: AbortSignal,
): Promise<Pick<StoppedTable, "tableId" | "certain"> | undefined> {
  const { keyspace, table: name } = table;
  const present = await existingDirectories(dataDirectories);
  const wanted = (ks: string, t: string) => ks === keyspace && t === name;
  const alive = new Set<string>();
  let certain = false;
  for (const directory of await listTableDirectories(present, wanted, signal)) {
    const snapshots = await listSnapshots(directory);
    const dropped = snapshots.some((snapshot) => snapshot.startsWith("dropped-"));
    const filled = ((await listSSTables(directory.path, signal)) ?? []).length > 0;
    // A drop leaves the directory with its snapshot; a directory with SSTables is a table's that lives.
    if (!dropped || filled) alive.add(directory.tableId);
    certain ||= filled || snapshots.some((snapshot) => snapshot.startsWith("truncated-"));
  }
  const [tableId, ...others] = alive;
  if (tableId !== undefined && others.length === 0) return { tableId, certain };
  // A view that was dropped since the backup.
  if (tableId === undefined && table.withBase === true) return undefined;
  if (tableId === undefined) {
    throw new AppError("node-state", `table '${keyspace}.${name}' does not exist on this node`, {
      hint:
        "on an empty node add --restore-system-keyspace (the same node again) or --restore-into-new-cluster; " +
        "otherwise start the node, create the table, and restore with IMPORT",
    });
  }
  throw new AppError("node-state", `which of ${alive.size} directories is table '${keyspace}.${name}' cannot be told`, {
    hint: "start the node and restore with --restoration-strategy-type IMPORT",
  });
}
