import { type BackupName, backupName, type Manifest, type ManifestEntry } from "../../src/repository/repository.ts";

export const sampleSchemaVersion = "2473304f-e202-3575-b392-28ef6378e7aa";
export const sampleTableId = "0978d800e67611f19a07dbe54d2f2ac2";

export function sampleName(tag: string, createdMs: number, schemaVersion = sampleSchemaVersion): BackupName {
  return backupName(tag, schemaVersion, createdMs);
}

/** A manifest of the one table ks.t. */
export function sampleManifest(name: BackupName, entries: readonly ManifestEntry[]): Manifest {
  const sstables = Object.fromEntries(
    Map.groupBy(entries, ({ objectKey }) => /([^/]*)-[^-]*$/.exec(objectKey)?.[1] ?? ""),
  );
  return {
    snapshot: { name: name.text, keyspaces: { ks: { tables: { t: { sstables, id: sampleTableId } } } } },
    tokens: ["-1", "1"],
    schemaVersion: name.schemaVersion,
    size: entries.reduce((sum, { size }) => sum + (size ?? 0), 0),
  };
}

/** The key of a file of SSTable `generation` of ks.t, relative to the node. */
export function sampleKey(generation: number, component = "Data.db"): string {
  return `data/ks/t-${sampleTableId}/${generation}-100${generation}/nb-${generation}-big-${component}`;
}
