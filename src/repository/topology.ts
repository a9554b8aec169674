import type { Storage } from "../storage/storage.ts";
import { readText } from "../transfer/transfer.ts";
import { parseBackupName, topologyPrefix } from "./layout.ts";
import { isNodeSegment } from "./names.ts";

/** The topology file: who was in the cluster when a backup was made. Field names are Esop's. */
export interface TopologyFile {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly clusterName: string;
  readonly schemaVersion: string;
  readonly topology: readonly TopologyNode[];
}

export interface TopologyNode {
  readonly hostname: string;
  readonly cluster: string;
  readonly dc: string;
  readonly rack: string;
  /** Host ID. */
  readonly nodeId: string;
  readonly ipAddress: string;
}

/** A node takes about 250 bytes. */
const maxFileBytes = 16 * 2 ** 20;

/** The topology files of a tag (or of a full backup name), newest first; files that are none are passed over. */
export async function readTopologyFiles(storage: Storage, tag: string, signal: AbortSignal): Promise<TopologyFile[]> {
  const files: TopologyFile[] = [];
  for await (const { key, sizeBytes } of storage.list(topologyPrefix + tag, { signal })) {
    const name = parseBackupName(key.slice(topologyPrefix.length).replace(/\.json$/, ""));
    if (name === undefined || (name.tag !== tag && name.text !== tag)) continue;
    if (sizeBytes > maxFileBytes) continue;
    const parsed = parseTopology(await readText(storage, key, signal, maxFileBytes));
    if (parsed !== undefined) files.push(parsed);
  }
  return files.sort((a, b) => b.timestamp - a.timestamp);
}

/** Deletes the topology files of backups, by their full names. */
export async function removeTopology(storage: Storage, names: readonly string[], signal: AbortSignal): Promise<void> {
  const { failed } = await storage.delete(
    names.map((name) => `${topologyPrefix}${name}.json`),
    { signal },
  );
  const [first] = failed;
  if (first !== undefined) throw first.error;
}

function parseTopology(text: string | undefined): TopologyFile | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return isTopologyFile(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTopologyFile(value: unknown): value is TopologyFile {
  if (typeof value !== "object" || value === null || !("topology" in value) || !Array.isArray(value.topology))
    return false;
  if (!("timestamp" in value) || typeof value.timestamp !== "number") return false;
  const fields = ["hostname", "nodeId", "ipAddress"];
  return value.topology.every(
    (node: unknown) =>
      typeof node === "object" &&
      node !== null &&
      fields.every((field) => typeof Reflect.get(node, field) === "string") &&
      isNodeSegment(String(Reflect.get(node, "nodeId"))),
  );
}
