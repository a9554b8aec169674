import { parseSnapshotSchema } from "../cassandra/cassandra.ts";
import { AppError } from "../errors.ts";
import { checkDistinctFiles, type Manifest, type ManifestTable } from "../repository/repository.ts";
import { type RestoreRequest, systemKeyspaces } from "../request/request.ts";

/** A table to restore, and the table it is restored into: the same one unless it is renamed. */
export interface SelectedTable {
  readonly keyspace: string;
  readonly table: string;
  readonly content: ManifestTable;
  readonly target: { readonly keyspace: string; readonly table: string };
  /** A materialized view that is selected because its base table is; the node may no longer have it. */
  readonly withBase?: boolean;
}

/** The system keyspaces that the request's flags ask for. */
function flaggedKeyspaces(request: RestoreRequest): ReadonlySet<string> {
  if (request.restoreSystemKeyspace) return systemKeyspaces;
  const flagged = new Set<string>();
  if (request.restoreIntoNewCluster) flagged.add("system_schema");
  if (request.restoreSystemAuth) flagged.add("system_auth");
  return flagged;
}

function allTables(manifest: Manifest): SelectedTable[] {
  return Object.entries(manifest.snapshot.keyspaces).flatMap(([keyspace, { tables }]) =>
    Object.entries(tables).map(([table, content]) => ({ keyspace, table, content, target: { keyspace, table } })),
  );
}

function missing(what: string, present: readonly string[]): AppError {
  return new AppError("not-found", `${what} is not in the backup`, { hint: `it has ${present.join(", ")}` });
}

function checkNamed(request: RestoreRequest, manifest: Manifest): void {
  const { entities } = request;
  const keyspaces = manifest.snapshot.keyspaces;
  const named = entities.kind === "all" ? [] : entities.kind === "keyspaces" ? entities.keyspaces : entities.tables;
  for (const entity of named) {
    const keyspace = typeof entity === "string" ? entity : entity.keyspace;
    const content = Object.hasOwn(keyspaces, keyspace) ? keyspaces[keyspace] : undefined;
    if (content === undefined) throw missing(`keyspace '${keyspace}'`, Object.keys(keyspaces));
    if (typeof entity !== "string" && !Object.hasOwn(content.tables, entity.table)) {
      throw missing(`table '${keyspace}.${entity.table}'`, Object.keys(content.tables));
    }
    if (systemKeyspaces.has(keyspace) && !flaggedKeyspaces(request).has(keyspace)) {
      throw new AppError("usage", `'${keyspace}' is a system keyspace`, {
        hint: "ask for it with --restore-system-keyspace, --restore-system-auth or --restore-into-new-cluster",
      });
    }
  }
}

/** The base table of a materialized view, "keyspace.table"; undefined for a table. */
function baseOf({ content }: SelectedTable): string | undefined {
  // Most schemas are of tables, and a backup can have many.
  if (content.schemaContent?.includes("MATERIALIZED VIEW") !== true) return undefined;
  const { view } = parseSnapshotSchema(content.schemaContent);
  return view === undefined ? undefined : `${view.baseKeyspace}.${view.baseTable}`;
}

/**
 * Adds the views of the selected tables: their rows would be those from before the restore. Throws `usage` for a view
 * without its base table, for the same reason.
 */
function withViews(selected: readonly SelectedTable[], all: readonly SelectedTable[]): readonly SelectedTable[] {
  const inPlace = selected.filter(
    ({ keyspace, table, target }) => target.keyspace === keyspace && target.table === table,
  );
  const names = new Set(inPlace.map(nameOf));
  for (const view of inPlace) {
    const base = baseOf(view);
    if (base === undefined || names.has(base)) continue;
    throw new AppError("usage", `${nameOf(view)} is a materialized view of ${base}, which is not selected`, {
      hint: `select ${base}, which restores the view as well, or restore the view into a table with --rename`,
    });
  }
  const named = new Set(selected.map(nameOf));
  const views = all.flatMap((table) => {
    const base = named.has(nameOf(table)) ? undefined : baseOf(table);
    return base !== undefined && names.has(base) ? [{ ...table, withBase: true }] : [];
  });
  return [...selected, ...views];
}

function nameOf({ keyspace, table }: SelectedTable): string {
  return `${keyspace}.${table}`;
}

/**
 * The tables that a request means: those named, or all but system tables, the system keyspaces that its flags ask for,
 * and the materialized views of these tables. Throws `not-found` for a name that the backup does not have, with those
 * that it has, and `unsupported` for a table that has two objects for one file.
 */
export function selectTables(manifest: Manifest, request: RestoreRequest): readonly SelectedTable[] {
  checkNamed(request, manifest);
  const flagged = flaggedKeyspaces(request);
  const { entities } = request;
  const named = ({ keyspace, table }: SelectedTable): boolean => {
    switch (entities.kind) {
      case "all":
        return !systemKeyspaces.has(keyspace);
      case "keyspaces":
        return entities.keyspaces.includes(keyspace);
      case "tables":
        return entities.tables.some((wanted) => wanted.keyspace === keyspace && wanted.table === table);
    }
  };
  const all = allTables(manifest);
  const selected = all.filter((table) => named(table) || flagged.has(table.keyspace));
  if (selected.length === 0) {
    throw new AppError("not-found", "the backup holds no tables to restore", {
      hint: "it has system keyspaces only; --restore-system-keyspace restores them",
    });
  }
  const targeted = selected.map((table) => {
    const renamed = request.rename.find(({ from }) => from.keyspace === table.keyspace && from.table === table.table);
    return renamed === undefined ? table : { ...table, target: renamed.to };
  });
  const wanted = withViews(targeted, all);
  for (const { keyspace, table, content } of wanted) checkDistinctFiles(content, `${keyspace}.${table}`);
  return wanted;
}
