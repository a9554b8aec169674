/** The backups of a node as a table. Where the terminal is too narrow, the name of each has a line of its own. */
import type { ShownNode } from "../app/app.ts";
import { formatBytes, formatCount, formatInstant } from "../units.ts";
import { printableLine } from "./printable.ts";
import { type Column, renderTable, tableWidth } from "./table.ts";
import { wrap } from "./wrap.ts";

type ShownBackup = ShownNode["backups"][number];

export interface BackupTableStyle {
  /** Sizes with units, rounded; else in bytes. */
  readonly humanUnits: boolean;
  /** Of the terminal; undefined where none reads the table. */
  readonly columns: number | undefined;
}

interface BackupColumn extends Column {
  cell(backup: ShownBackup): string;
}

const time: BackupColumn = { title: "TIME", cell: ({ name }) => formatInstant(name.createdMs) };
const encrypted: BackupColumn = {
  title: "ENCRYPTED",
  cell: ({ encryptedWith }) => printableLine(encryptedWith.join(",")),
};
const backupName: BackupColumn = {
  title: "BACKUP",
  cell: ({ name, damaged }) => printableLine(damaged === undefined ? name.text : `${name.text} (damaged)`),
};

/** Of a damaged backup nothing is known but its name. */
function numberColumn(title: string, number: (backup: ShownBackup) => string): BackupColumn {
  return { title, align: "right", cell: (backup) => (backup.damaged === undefined ? number(backup) : "?") };
}

export function describeBackups(node: ShownNode, { humanUnits, columns }: BackupTableStyle): string {
  const { path, address, backups, total } = node;
  const bytes = (value: number) => (humanUnits ? formatBytes(value) : String(value));
  const lines = (text: string) => (columns === undefined ? [text] : wrap(text, columns));
  const place = printableLine(`${path.cluster}/${path.datacenter}/${path.node}`);
  const head = address === undefined ? place : `${place} (${printableLine(address)})`;
  if (backups.length === 0) return lines(`${head}: no backups`).join("\n");
  const shown = backups.length === total.backups ? "" : `, ${backups.length} shown`;
  const foot = `${formatCount(total.backups, "backup")}${shown}; ${formatCount(total.files, "file")}, ${bytes(total.bytes)} in total (shared files counted once)`;
  return [...lines(head), table(node, bytes, columns), ...lines(foot)].join("\n");
}

function table({ backups, total }: ShownNode, bytes: (value: number) => string, columns: number | undefined): string {
  const anyEncrypted = backups.some(({ encryptedWith }) => encryptedWith.length > 0);
  const tables = numberColumn("TABLES", (backup) => String(backup.tables));
  const files = numberColumn("FILES", (backup) => String(backup.files));
  const size = numberColumn("SIZE", (backup) => bytes(backup.bytes));
  const reclaimable = numberColumn("RECLAIMABLE", (backup) => bytes(backup.reclaimableBytes));
  const all = [time, tables, files, size, reclaimable, ...(anyEncrypted ? [encrypted] : []), backupName];
  const rows = (chosen: readonly BackupColumn[]) => backups.map((backup) => chosen.map(({ cell }) => cell(backup)));
  if (columns === undefined || tableWidth(all, rows(all)) <= columns) return renderTable(all, rows(all));
  const narrower = [
    [time, tables, files, size, reclaimable],
    [time, files, size, reclaimable],
    [time, size, reclaimable],
    [time, size],
  ];
  const chosen = narrower.find((some) => tableWidth(some, rows(some)) <= columns) ?? [time, size];
  const [titles = "", ...numbers] = renderTable(chosen, rows(chosen)).split("\n");
  const names = backups.map((backup) => nameLines(backup, backups.length === total.backups ? backups : [], columns));
  return [titles, ...numbers.flatMap((line, index) => [line, ...(names[index] ?? [])])].join("\n");
}

const indent = "  ";

/** The full name where it fits; else the tag, which commands take as well where no other backup has it. */
function nameLines(backup: ShownBackup, all: readonly ShownBackup[], columns: number): string[] {
  const { name, encryptedWith, damaged } = backup;
  const room = columns - indent.length;
  const tagIsName = all.filter((other) => other.name.tag === name.tag).length === 1;
  const shown = name.text.length > room && tagIsName ? name.tag : name.text;
  const words = [
    shown,
    ...(damaged === undefined ? [] : ["(damaged)"]),
    ...(encryptedWith.length === 0 ? [] : ["encrypted with", encryptedWith.join(", ")]),
  ];
  return wrap(printableLine(words.join(" ")), room).map((line) => indent + line);
}
