import type { NodeFacts } from "../cassandra/cassandra.ts";
import {
  type BackupName,
  checkManifestBytes,
  type Manifest,
  type ManifestEntry,
  type ManifestTable,
} from "../repository/repository.ts";
import type { BackupPlan, PlannedTable } from "./plan.ts";

/**
 * The manifest of a plan that has been carried out. `hashes` are those learned while files were sent, by object key;
 * all others are the plan's. Where files are encrypted with a KMS key, it is named beside each.
 */
export function newManifest(
  plan: BackupPlan,
  hashes: ReadonlyMap<string, string | null>,
  name: BackupName,
  facts: Pick<NodeFacts, "tokens" | "schemaVersion">,
  kmsKeyId?: string,
): Manifest {
  const keyspaces = Map.groupBy(plan.tables, ({ table }) => table.keyspace);
  return {
    snapshot: {
      name: name.text,
      // Made of entries, since "constructor" and "__proto__" are good names of keyspaces and tables.
      keyspaces: Object.fromEntries(
        [...keyspaces].map(([keyspace, planned]) => {
          const tables = planned.map((each) => [each.table.table, manifestTable(each, hashes, kmsKeyId)] as const);
          return [keyspace, { tables: Object.fromEntries(tables) }] as const;
        }),
      ),
    },
    tokens: facts.tokens,
    schemaVersion: facts.schemaVersion,
    size: plan.send.bytes + plan.keep.bytes,
  };
}

/** A manifest of so few files is never too large. */
const certainlySmallFiles = 500_000;
const longestHash = "0".repeat(64);

/** Throws `unsupported` for a plan whose manifest would be too large, before anything is sent in vain. */
export function checkManifestSize(
  plan: BackupPlan,
  name: BackupName,
  facts: Pick<NodeFacts, "tokens" | "schemaVersion">,
  kmsKeyId?: string,
): void {
  if (plan.send.files + plan.keep.files <= certainlySmallFiles) return;
  const hashes = new Map<string, string>();
  for (const { files } of plan.tables) for (const { objectKey } of files) hashes.set(objectKey, longestHash);
  checkManifestBytes(newManifest(plan, hashes, name, facts, kmsKeyId));
}

function manifestTable(
  { table, files }: PlannedTable,
  hashes: ReadonlyMap<string, string | null>,
  kmsKeyId: string | undefined,
): ManifestTable {
  const sstables = new Map<string, ManifestEntry[]>();
  for (const { baseName, objectKey, storedBytes, hash } of files) {
    const entries = sstables.get(baseName) ?? [];
    sstables.set(baseName, entries);
    const known = hashes.get(objectKey) ?? hash ?? null;
    entries.push({ objectKey, type: "FILE", size: storedBytes, hash: known, kmsKeyId });
  }
  return { sstables: Object.fromEntries(sstables), id: table.tableId, schemaContent: table.schema };
}
