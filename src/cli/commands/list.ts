import { type ListReport, run, type ShownNode } from "../../app/app.ts";
import { replaceFile } from "../../files/files.ts";
import type { ListRequest } from "../../request/request.ts";
import { formatBytes, formatCount, formatInstant } from "../../units.ts";
import type { Command } from "../command.ts";
import { preferLittleMemory } from "../memory.ts";
import type { JsonLine } from "../output.ts";
import { printableJson, printableLine } from "../printable.ts";
import { renderTable } from "../table.ts";

type ShownBackup = ShownNode["backups"][number];

export const listCommand: Command<ListRequest> = {
  async run(request, context) {
    preferLittleMemory();
    const { output } = context;
    const report = await run("list", request, context);
    const { json, text } = render(report, request);
    if (request.toFile === undefined) output.result(json, text, report.kind === "schema" ? "exact" : undefined);
    else await replaceFile(request.toFile, `${output.settings.json ? printableJson(json) : text()}\n`);
  },
};

interface Rendered {
  readonly json: JsonLine;
  text(): string;
}

function render(report: ListReport, request: ListRequest): Rendered {
  switch (report.kind) {
    case "backups":
      return {
        json: { type: "list", nodes: report.nodes.map(jsonOf) },
        text: () => describe(report.nodes, request),
      };
    case "schema":
      return renderSchema(report);
  }
}

/** Input for cqlsh: everything but the statements is a comment. */
function renderSchema({ backup, tables }: ListReport & { readonly kind: "schema" }): Rendered {
  const parts = tables.map(({ keyspace, table, cql }) =>
    cql === undefined
      ? `-- ${printableLine(`${keyspace}.${table}`)}: the backup has no CREATE statement for it`
      : `-- ${printableLine(`${keyspace}.${table}`)}\n${cql.trim()}`,
  );
  const keyspaces = [...new Set(tables.map(({ keyspace }) => keyspace))];
  const required = `${keyspaces.length === 1 ? "keyspace" : "keyspaces"} ${keyspaces.join(", ")}`;
  return {
    json: { type: "schema", backup, tables },
    text: () => [printableLine(`-- backup ${backup}; requires the ${required}`), ...parts].join("\n\n"),
  };
}

function jsonOf({ path, address, backups, total }: ShownNode) {
  return {
    ...path,
    address,
    backups: backups.map(({ name, ...rest }) => ({
      name: name.text,
      tag: name.tag,
      schemaVersion: name.schemaVersion,
      time: formatInstant(name.createdMs),
      ...rest,
    })),
    total,
  };
}

function describe(nodes: readonly ShownNode[], request: ListRequest): string {
  if (request.simpleFormat)
    return nodes.flatMap(({ backups }) => backups.map(({ name }) => printableLine(name.text))).join("\n");
  const bytes = (value: number) => (request.humanUnits ? formatBytes(value) : String(value));
  return nodes.map((node) => describeNode(node, bytes)).join("\n\n");
}

function describeNode({ path, address, backups, total }: ShownNode, bytes: (value: number) => string): string {
  const head = printableLine(
    `${path.cluster}/${path.datacenter}/${path.node}${address === undefined ? "" : ` (${address})`}`,
  );
  if (backups.length === 0) return `${head}: no backups`;
  const anyEncrypted = backups.some(({ encryptedWith }) => encryptedWith.length > 0);
  const row = ({ name, tables, files, bytes: size, reclaimableBytes, encryptedWith, damaged }: ShownBackup) => {
    const counted = [String(tables), String(files), bytes(size), bytes(reclaimableBytes)];
    const numbers = damaged === undefined ? counted : counted.map(() => "?");
    const key = anyEncrypted ? [encryptedWith.join(",")] : [];
    const shown = damaged === undefined ? name.text : `${name.text} (damaged)`;
    return [formatInstant(name.createdMs), ...numbers, ...key, shown].map(printableLine);
  };
  const columns = [
    { title: "TIME" },
    { title: "TABLES", align: "right" },
    { title: "FILES", align: "right" },
    { title: "SIZE", align: "right" },
    { title: "RECLAIMABLE", align: "right" },
    ...(anyEncrypted ? [{ title: "ENCRYPTED" }] : []),
    { title: "BACKUP" },
  ] as const;
  const table = renderTable(columns, backups.map(row));
  const shown = backups.length === total.backups ? "" : `, ${backups.length} shown`;
  return `${head}\n${table}\n${formatCount(total.backups, "backup")}${shown}; ${formatCount(total.files, "file")}, ${bytes(total.bytes)} in total (shared files counted once)`;
}
