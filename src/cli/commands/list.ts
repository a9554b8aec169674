import { type ListReport, run, type ShownNode } from "../../app/app.ts";
import { replaceFile } from "../../files/files.ts";
import type { ListRequest } from "../../request/request.ts";
import { formatInstant } from "../../units.ts";
import { type BackupTableStyle, describeBackups } from "../backup-table.ts";
import type { Command } from "../command.ts";
import { preferLittleMemory } from "../memory.ts";
import type { JsonLine } from "../output.ts";
import { printableJson, printableLine } from "../printable.ts";

export const listCommand: Command<ListRequest> = {
  async run(request, context) {
    preferLittleMemory();
    const { output } = context;
    const report = await run("list", request, context);
    // A file is for programs, as is what no terminal reads.
    const columns = request.toFile === undefined ? output.columns : undefined;
    const style = { humanUnits: request.humanUnits ?? columns !== undefined, columns };
    const { json, text } = render(report, request, style);
    if (request.toFile === undefined) output.result(json, text, report.kind === "schema" ? "exact" : undefined);
    else await replaceFile(request.toFile, `${output.settings.json ? printableJson(json) : text()}\n`);
  },
};

interface Rendered {
  readonly json: JsonLine;
  text(): string;
}

function render(report: ListReport, { simpleFormat }: ListRequest, style: BackupTableStyle): Rendered {
  switch (report.kind) {
    case "backups":
      return {
        json: { type: "list", nodes: report.nodes.map(jsonOf) },
        text: () => describe(report.nodes, simpleFormat, style),
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

function describe(nodes: readonly ShownNode[], simpleFormat: boolean, style: BackupTableStyle): string {
  if (simpleFormat)
    return nodes.flatMap(({ backups }) => backups.map(({ name }) => printableLine(name.text))).join("\n");
  return nodes.map((node) => describeBackups(node, style)).join("\n\n");
}
