import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { findNewestBackup, NodeRepository } from "../repository/repository.ts";
import { includesTable, type ListRequest, systemKeyspaces, type TableName } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";

export interface BackupSchema {
  /** The backup's full name. */
  readonly backup: string;
  readonly tables: readonly TableSchema[];
}

export interface TableSchema extends TableName {
  /** 32 hex digits; the statements create the table with it. */
  readonly id: string;
  /**
   * The statements that create the table with its types, dropped columns and indexes, as Cassandra wrote them into the
   * snapshot; undefined where another tool made the backup without them.
   */
  readonly cql: string | undefined;
}

/**
 * What `request.schemaOf` asks for. Throws `usage` for a location that names no node, `not-found` and `ambiguous` as a
 * restore does, and `not-found` for entities that the backup does not have.
 */
export async function readSchema(
  request: ListRequest & { readonly schemaOf: string },
  { storage, log, signal }: { readonly storage: Storage; readonly log: Logger; readonly signal: AbortSignal },
): Promise<BackupSchema> {
  const { storageLocation, schemaOf, entities } = request;
  if (storageLocation.node === undefined) {
    throw new AppError("usage", "the storage location does not say whose backup is meant", {
      hint: "give it in full: protocol://bucket/cluster/datacenter/node",
    });
  }
  const repository = new NodeRepository(storage, storageLocation.node, log);
  const names = (await repository.listBackups(signal)).map(({ name }) => name);
  const { backup } = findNewestBackup(names, schemaOf, { where: repository.description });
  const { snapshot } = await repository.readManifest(backup, signal);
  const all = Object.entries(snapshot.keyspaces).flatMap(([keyspace, { tables }]) =>
    Object.entries(tables).map(
      ([table, { id, schemaContent }]): TableSchema => ({ keyspace, table, id, cql: schemaContent }),
    ),
  );
  const tables = all.filter(
    (table) => includesTable(entities, table) && (entities.kind !== "all" || !systemKeyspaces.has(table.keyspace)),
  );
  if (tables.length === 0) {
    throw new AppError("not-found", `backup ${backup.text} has none of these tables`, {
      hint: `it has the keyspaces ${Object.keys(snapshot.keyspaces).join(", ")}`,
    });
  }
  return { backup: backup.text, tables };
}
