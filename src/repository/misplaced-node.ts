import { formatStorageLocation, type StorageLocation } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { manifestPrefix, type NodePath, parseBackupName } from "./layout.ts";

/** The parts of a node's prefix: cluster, datacenter, node. */
const nodeDepth = 3;
/** Below the bucket; a location is rarely off by more than two levels. */
const maxDepth = 6;
/** Prefixes looked at, so that a location in a large foreign tree costs little. */
const maxPrefixes = 300;

/** Whether a manifest lies right below the prefix, which ends with "/" or is empty. */
async function holdsBackups(storage: Storage, prefix: string, signal: AbortSignal): Promise<boolean> {
  for await (const { key } of storage.list(prefix + manifestPrefix, { signal })) {
    const file = key.slice(prefix.length + manifestPrefix.length);
    return file.endsWith(".json") && parseBackupName(file.slice(0, -".json".length)) !== undefined;
  }
  return false;
}

/**
 * The prefix, without a slash at its end, of a node that has backups but lies at another level than a location says: the
 * bucket of the location is a directory too high or too deep. Looked for above and below the path, or in the whole
 * bucket where there is none. Undefined where a node of the right level comes first, or none is found by looking at a few hundred prefixes.
 */
export async function findMisplacedNode(
  storage: Storage,
  path: NodePath | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { cluster = "", datacenter = "", node = "" } = path ?? {};
  const above = path === undefined ? [] : ["", `${cluster}/`, `${cluster}/${datacenter}/`];
  const queue = above.map((prefix) => ({ prefix, enter: false }));
  queue.push({ prefix: path === undefined ? "" : `${cluster}/${datacenter}/${node}/`, enter: true });
  for (let looked = 0; looked < maxPrefixes; looked += 1) {
    const next = queue.shift();
    if (next === undefined) return undefined;
    const depth = next.prefix.split("/").length - 1;
    const children = await storage.children(next.prefix, { signal });
    const isNode = children.includes(manifestPrefix.slice(0, -1)) && (await holdsBackups(storage, next.prefix, signal));
    if (isNode) return depth === nodeDepth ? undefined : next.prefix.slice(0, -1);
    if (!next.enter || depth >= maxDepth) continue;
    queue.push(...children.map((child) => ({ prefix: `${next.prefix}${child}/`, enter: true })));
  }
  return undefined;
}

/** A hint for a location whose repository was found at another level. */
export function describeMisplaced(location: StorageLocation, prefix: string): string {
  const { protocol, root, bucket } = location;
  const bucketLocation = formatStorageLocation({ protocol, bucket, root });
  return protocol === "file"
    ? `a node with backups is ${bucketLocation}/${prefix}`
    : `a node with backups is in '${prefix}', and a location is ${protocol}://bucket/cluster/datacenter/node`;
}

const hostIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isHostId(node: string): boolean {
  return hostIdPattern.test(node);
}

/** The names of the other nodes in the datacenter of a node. */
export async function otherNodes(storage: Storage, path: NodePath, signal: AbortSignal): Promise<readonly string[]> {
  const names = await storage.children(`${path.cluster}/${path.datacenter}/`, { signal });
  return names.filter((name) => name !== path.node && isHostId(name));
}
