import { openRequestedStorage } from "../../app/app.ts";
import {
  type BackupSchema,
  type ListedBackup,
  type ListedNode,
  listBackups,
  readSchema,
} from "../../catalog/catalog.ts";
import { replaceFile } from "../../files/files.ts";
import type { ListRequest } from "../../request/request.ts";
import type { Storage } from "../../storage/storage.ts";
import { formatBytes, formatCount, formatInstant } from "../../units.ts";
import type { Command, CommandContext } from "../command.ts";
import { preferLittleMemory } from "../memory.ts";
import type { JsonLine } from "../output.ts";
import { renderTable } from "../table.ts";

export const listCommand: Command<ListRequest> = {
  async run(request, context) {
    preferLittleMemory();
    const { log, output, signal } = context;
    const storage = await openRequestedStorage(request, context, true);
    try {
      const { schemaOf } = request;
      const { json, text } =
        schemaOf === undefined
          ? await answerList(request, context, storage)
          : answerSchema(await readSchema({ ...request, schemaOf }, { storage, log, signal }));
      if (request.toFile === undefined) output.result(json, text);
      else await replaceFile(request.toFile, `${request.json ? JSON.stringify(json) : text()}\n`);
    } finally {
      await storage.close();
    }
  },
};

interface Answer {
  readonly json: JsonLine;
  text(): string;
}

async function answerList(request: ListRequest, context: CommandContext, storage: Storage): Promise<Answer> {
  const { log, signal } = context;
  const nodes = await listBackups(request, { storage, log, signal });
  const addresses = request.resolveNodes ? await resolveNodes(request, context) : new Map<string, string>();
  return {
    json: { type: "list", nodes: nodes.map((node) => jsonOf(node, addresses)) },
    text: () => describe(nodes, request, addresses),
  };
}

/** What cqlsh takes as it is: what is said beside the statements is comment. */
function answerSchema({ backup, tables }: BackupSchema): Answer {
  const parts = tables.map(({ keyspace, table, cql }) =>
    cql === undefined
      ? `-- ${keyspace}.${table}: the backup has no statement of it`
      : `-- ${keyspace}.${table}\n${cql.trim()}`,
  );
  const keyspaces = [...new Set(tables.map(({ keyspace }) => keyspace))].join(", ");
  return {
    json: { type: "schema", backup, tables },
    text: () => [`-- backup ${backup}; needs the keyspaces ${keyspaces}`, ...parts].join("\n\n"),
  };
}

/** Addresses by host ID, as a running node of the cluster knows them. */
async function resolveNodes({ jmx }: ListRequest, { signal }: CommandContext): Promise<ReadonlyMap<string, string>> {
  // Loaded only when it is used: most listings ask no node.
  const { connectNode } = await import("../../cassandra/cassandra.ts");
  const node = await connectNode(jmx, { longCallTimeoutMs: 60_000, signal });
  try {
    return new Map((await node.topology({ signal })).map(({ hostId, address }) => [hostId, address]));
  } finally {
    await node.close();
  }
}

function jsonOf({ path, backups, total }: ListedNode, addresses: ReadonlyMap<string, string>) {
  const address = addresses.get(path.node);
  return {
    ...path,
    ...(address === undefined ? {} : { address }),
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

function describe(nodes: readonly ListedNode[], request: ListRequest, addresses: ReadonlyMap<string, string>): string {
  if (request.simpleFormat) return nodes.flatMap(({ backups }) => backups.map(({ name }) => name.text)).join("\n");
  const bytes = (value: number) => (request.humanUnits ? formatBytes(value) : String(value));
  return nodes.map((node) => describeNode(node, bytes, addresses)).join("\n\n");
}

function describeNode(
  { path, backups, total }: ListedNode,
  bytes: (value: number) => string,
  addresses: ReadonlyMap<string, string>,
): string {
  const address = addresses.get(path.node);
  const head = `${path.cluster}/${path.datacenter}/${path.node}${address === undefined ? "" : ` (${address})`}`;
  if (backups.length === 0) return `${head}: no backups`;
  const anyEncrypted = backups.some(({ encryptedWith }) => encryptedWith.length > 0);
  const row = ({ name, tables, files, bytes: size, reclaimableBytes, encryptedWith, damaged }: ListedBackup) => {
    const counted = [String(tables), String(files), bytes(size), bytes(reclaimableBytes)];
    const numbers = damaged === undefined ? counted : counted.map(() => "?");
    const key = anyEncrypted ? [encryptedWith.join(",")] : [];
    const shown = damaged === undefined ? name.text : `${name.text} (damaged)`;
    return [formatInstant(name.createdMs), ...numbers, ...key, shown];
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
  return `${head}\n${table}\n${formatCount(total.backups, "backup")}${shown}; ${formatCount(total.files, "file")}, ${bytes(total.bytes)} in all (shared files counted once)`;
}
