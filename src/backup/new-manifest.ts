import type { NodeFacts } from "../cassandra/cassandra.ts";
import type { BackupName, Manifest, ManifestEntry, ManifestTable } from "../repository/repository.ts";
import type { BackupPlan, PlannedTable } from "./plan.ts";

/**
 * The manifest of a plan that has been carried out. `hashes` are those learned while files were sent, by object key;
 * all others are the plan's.
 */
export function newManifest(
  plan: BackupPlan,
  hashes: ReadonlyMap<string, string | null>,
  name: BackupName,
  facts: Pick<NodeFacts, "tokens" | "schemaVersion">,
): Manifest {
  const keyspaces = Map.groupBy(plan.tables, ({ table }) => table.keyspace);
  return {
    snapshot: {
      name: name.text,
      // Made of entries, since "constructor" and "__proto__" are good names of keyspaces and tables.
      keyspaces: Object.fromEntries(
        [...keyspaces].map(([keyspace, planned]) => {
          const tables = planned.map((each) => [each.table.table, manifestTable(each, hashes)] as const);
          return [keyspace, { tables: Object.fromEntries(tables) }] as const;
        }),
      ),
    },
    tokens: facts.tokens,
    schemaVersion: facts.schemaVersion,
    size: plan.send.bytes + plan.keep.bytes,
  };
}

function manifestTable({ table, files }: PlannedTable, hashes: ReadonlyMap<string, string | null>): ManifestTable {
  const sstables = new Map<string, ManifestEntry[]>();
  for (const { baseName, objectKey, storedBytes, hash } of files) {
    const entries = sstables.get(baseName) ?? [];
    sstables.set(baseName, entries);
    entries.push({ objectKey, type: "FILE", size: storedBytes, hash: hashes.get(objectKey) ?? hash ?? null });
  }
  const schema = table.schema === undefined ? {} : { schemaContent: table.schema };
  return { sstables: Object.fromEntries(sstables), id: table.tableId, ...schema };
}
