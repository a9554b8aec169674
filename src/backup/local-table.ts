import type { LocalSSTable } from "../cassandra/cassandra.ts";

/** One table's part of a backup, as it lies on this node's disks. */
export interface LocalTable {
  readonly keyspace: string;
  readonly table: string;
  readonly tableId: string;
  /** The CREATE statements; undefined where Cassandra wrote none. */
  readonly schema: string | undefined;
  readonly sstables: readonly (LocalSSTable & { readonly digest: string })[];
}
