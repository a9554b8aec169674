import { readdir } from "node:fs/promises";
import { listTableDirectories, parseSnapshotSchema } from "../../cassandra/cassandra.ts";
import { fileError } from "../../errors.ts";
import type { RestoreRun } from "../context.ts";
import { existingDirectories } from "../directories.ts";
import type { SelectedTable } from "../select-tables.ts";

/**
 * The commands that fill the legacy indexes that the backup does not have. Cassandra has recorded them as built, and
 * would start with what the restore leaves of them: nothing. It builds storage-attached indexes by itself.
 */
export async function rebuildCommands(
  run: Pick<RestoreRun, "selected" | "files" | "request" | "signal">,
  dataDirectories: readonly string[],
): Promise<string[]> {
  // The schema of the backup has no other indexes.
  if (run.request.restoreSystemKeyspace || run.request.restoreIntoNewCluster) return [];
  const commands = new Set<string>();
  const present = await existingDirectories(dataDirectories);
  for (const table of run.selected) {
    const { keyspace, table: name } = table;
    const known = indexesInBackup(run, table);
    const wanted = (ks: string, t: string) => ks === keyspace && t === name;
    for (const { path } of await listTableDirectories(present, wanted, run.signal)) {
      for (const index of await indexesIn(path)) {
        if (!known.has(index)) commands.add(`nodetool rebuild_index ${keyspace} ${name} ${index}`);
      }
    }
  }
  return [...commands].sort();
}

function indexesInBackup({ files }: Pick<RestoreRun, "files">, table: SelectedTable): ReadonlySet<string> {
  const { schemaContent } = table.content;
  const declared = schemaContent === undefined ? [] : parseSnapshotSchema(schemaContent).indexes;
  const stored = [...files((keyspace, name) => keyspace === table.keyspace && name === table.table)];
  return new Set([...declared, ...stored.flatMap(({ path }) => path.index?.slice(1) ?? [])]);
}

async function indexesIn(tableDirectory: string): Promise<string[]> {
  try {
    const entries = await readdir(tableDirectory, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() && entry.name.startsWith(".") ? [entry.name.slice(1)] : []));
  } catch (error) {
    throw fileError(error, `read ${tableDirectory}`);
  }
}
