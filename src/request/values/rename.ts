/** Tables that are restored under another name. */
import { AppError } from "../../errors.ts";
import type { ValueKind } from "../options/option.ts";
import {
  type Entities,
  formatTableName,
  includesTable,
  parseTableName,
  type TableName,
  tableNameForm,
} from "./entities.ts";

export interface Rename {
  readonly from: TableName;
  readonly to: TableName;
}

/** "ks.table=ks.other". Throws `usage`. */
export function parseRename(text: string): Rename {
  const [from, to, ...rest] = text.split("=").map(parseTableName);
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new AppError("usage", `'${text}' is not a renaming`, { hint: "write ks.table=ks.other" });
  }
  return { from, to };
}

/**
 * Every source must be among the entities, no target may be, and no two sources or targets may be alike: otherwise a
 * table would be filled twice or overwritten by mistake. Throws `usage`.
 */
export function checkRenames(renames: readonly Rename[], entities: Entities): void {
  if (renames.length === 0) return;
  if (entities.kind === "all") {
    throw new AppError("usage", "tables can be renamed only when the entities are named", {
      hint: `add --entities ${renames.map((rename) => formatTableName(rename.from)).join(",")}`,
    });
  }
  for (const { from, to } of renames) {
    if (!includesTable(entities, from)) {
      throw new AppError("usage", `${formatTableName(from)} is to be renamed but is not among the entities`, {
        hint: "add it to --entities",
      });
    }
    if (includesTable(entities, to)) {
      throw new AppError("usage", `${formatTableName(to)} is the target of a renaming and among the entities itself`, {
        hint: "take it out of --entities, or choose another target",
      });
    }
  }
  refuseTwice(
    renames.map((rename) => formatTableName(rename.from)),
    "is renamed twice",
  );
  refuseTwice(
    renames.map((rename) => formatTableName(rename.to)),
    "is the target of two renamings",
  );
}

function refuseTwice(names: readonly string[], complaint: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new AppError("usage", `${twice} ${complaint}`, { hint: "give each --rename once" });
}

const tableNameSchema = { type: "string", pattern: `^${tableNameForm}$` } as const;

export const renameKind: ValueKind<Rename> = {
  placeholder: "KS.TABLE=KS.OTHER",
  schema: { type: "string", pattern: `^${tableNameForm}=${tableNameForm}$` },
  mapSchema: { type: "object", propertyNames: tableNameSchema, additionalProperties: tableNameSchema },
  parse: parseRename,
};
