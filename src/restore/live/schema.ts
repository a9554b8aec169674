import type { SnapshotSchema, TableSchema } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";

/** A difference by which the target would not take the data of the backup, or would show something else. */
export interface Difference {
  readonly what: string;
  readonly hint: string;
}

/** Undefined if the target takes the data, or the schema of one of them is not known. */
export function differenceOf(backup: SnapshotSchema, target: SnapshotSchema): Difference | undefined {
  if (backup.table === undefined || target.table === undefined) return undefined;
  const what = keyDifference(backup.table, target.table) ?? columnDifference(backup.table, target.table);
  return what ?? typeDifference(backup, target);
}

const other = "restore into a table with the columns of the backup, with --rename";

/** The key is stored by position: names count only where the tables are not the same. */
function keyDifference(backup: TableSchema, target: TableSchema): Difference | undefined {
  const [wanted, found] = [keyOf(backup), keyOf(target)];
  const isSame = backup.id !== undefined && backup.id === target.id;
  const [was, is] = isSame ? [wanted.types, found.types] : [wanted.text, found.text];
  return was === is
    ? undefined
    : { what: `its primary key is ${found.text}, in the backup ${wanted.text}`, hint: other };
}

function keyOf({ partitionKey, clustering, columns }: TableSchema) {
  const typed = (name: string) => columns.get(name)?.type ?? "";
  const order = clustering.map(({ name, isReversed }) => ({ name, type: typed(name), how: isReversed ? " DESC" : "" }));
  const partition = partitionKey.map((name) => `${name} ${typed(name)}`).join(", ");
  return {
    types: [partitionKey.map(typed).join(), ...order.map(({ type, how }) => type + how)].join(" / "),
    text: [`(${partition})`, ...order.map(({ name, type, how }) => `${name} ${type}${how}`)].join(", "),
  };
}

function columnDifference(backup: TableSchema, target: TableSchema): Difference | undefined {
  const keys = new Set([...backup.partitionKey, ...backup.clustering.map(({ name }) => name)]);
  for (const [name, column] of backup.columns) {
    if (keys.has(name)) continue;
    const declared = `${name} ${column.type}${column.isStatic ? " static" : ""}`;
    const found = target.columns.get(name);
    if (found === undefined) {
      const drop = column.isDropped ? ", and drop it again" : "";
      return { what: `it has never had the column ${declared}`, hint: `add the column${drop}, or ${other}` };
    }
    if (found.type === column.type && found.isStatic === column.isStatic) continue;
    const is = `${found.type}${found.isStatic ? " static" : ""}`;
    return { what: `its column ${name} is ${is}, in the backup ${declared}`, hint: other };
  }
  return undefined;
}

/** Fields can only be added to a type, at the end. */
function typeDifference(backup: SnapshotSchema, target: SnapshotSchema): Difference | undefined {
  for (const [name, fields] of backup.types) {
    const found = target.types.get(name);
    if (found === undefined || fields.every((type, index) => found[index] === type)) continue;
    return {
      what: `its type ${name} is (${found.join(", ")}), in the backup (${fields.join(", ")})`,
      hint: found.length < fields.length ? `add the missing fields to ${name}` : other,
    };
  }
  return undefined;
}

export function schemaError(table: string, { what, hint }: Difference): AppError {
  return new AppError("node-state", `${table} cannot take the data of the backup: ${what}`, { hint });
}
