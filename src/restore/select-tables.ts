import { AppError } from "../errors.ts";
import { checkDistinctFiles, type Manifest, type ManifestTable } from "../repository/repository.ts";
import { type RestoreRequest, systemKeyspaces } from "../request/request.ts";

/** A table to restore, and the table it is restored into: the same one unless it is renamed. */
export interface SelectedTable {
  readonly keyspace: string;
  readonly table: string;
  readonly content: ManifestTable;
  readonly target: { readonly keyspace: string; readonly table: string };
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

/**
 * The tables that a request means: those named, or all but system tables, and the system keyspaces that its flags ask
 * for. Throws `not-found` for a name the backup does not have, listing what it has, and `unsupported` for a table that
 * has two objects for one file.
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
  const selected = allTables(manifest).filter((table) => named(table) || flagged.has(table.keyspace));
  if (selected.length === 0) {
    throw new AppError("not-found", "the backup holds no tables to restore", {
      hint: "it has system keyspaces only; --restore-system-keyspace restores them",
    });
  }
  for (const { keyspace, table, content } of selected) checkDistinctFiles(content, `${keyspace}.${table}`);
  return selected.map((table) => {
    const renamed = request.rename.find(({ from }) => from.keyspace === table.keyspace && from.table === table.table);
    return renamed === undefined ? table : { ...table, target: renamed.to };
  });
}
