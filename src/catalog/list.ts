import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import {
  type BackupName,
  describeMisplaced,
  findMisplacedNode,
  isHostId,
  listNodes,
  type NodePath,
  NodeRepository,
  otherNodes,
} from "../repository/repository.ts";
import type { ListRequest, StorageLocation } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { readReferences } from "./references.ts";

export interface ListedBackup {
  readonly name: BackupName;
  readonly tables: number;
  readonly files: number;
  readonly bytes: number;
  /** What deleting this backup alone would free. */
  readonly reclaimableBytes: number;
  /** The tags of the keys that its objects are encrypted with; empty for an unencrypted backup. */
  readonly encryptedWith: readonly string[];
  readonly damaged: string | undefined;
}

export interface ListedNode {
  readonly path: NodePath;
  /** Newest first, only those asked for. */
  readonly backups: readonly ListedBackup[];
  /** Of all the node's backups, those not shown included; shared objects count once. */
  readonly total: { readonly backups: number; readonly files: number; readonly bytes: number };
}

export interface ListDependencies {
  readonly storage: Storage;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The backups of the node that the location names, or of every node in the bucket when it names none. */
export async function listBackups(
  request: ListRequest,
  { storage, log, signal }: ListDependencies,
): Promise<ListedNode[]> {
  const { storageLocation: location } = request;
  const hint = "check --storage-location";
  if (!request.skipBucketVerification && !(await storage.bucketExists({ signal }))) {
    throw new AppError("not-found", `there is no ${storage.description}`, { hint });
  }
  const paths = location.node === undefined ? await listNodes(storage, undefined, signal) : [location.node];
  const nodes: ListedNode[] = [];
  for (const path of paths) {
    const repository = new NodeRepository(storage, path, log);
    const references = await readReferences(repository, signal);
    if (references.backups.length === 0 && !(await isRepository(repository, signal))) {
      if (location.node !== undefined) await refuseNode(location, repository, signal);
      // Directories of others beside those of nodes.
      continue;
    }
    const backups = references.backups
      .filter(({ name }) => name.createdMs >= (request.fromTimestampMs ?? 0))
      .slice(0, request.lastN)
      .map((backup) => ({ ...backup, reclaimableBytes: references.reclaimableBytes(backup.name) }));
    const total = { backups: references.backups.length, files: references.files, bytes: references.bytes };
    nodes.push({ path, backups, total });
  }
  if (nodes.length > 0) return nodes;
  await refuseMisplaced(location, storage, signal);
  throw new AppError("not-found", `there are no nodes in ${storage.description}`, {
    hint: `${hint}: in full it is protocol://bucket/cluster/datacenter/node`,
  });
}

/** Whether a backup has ever left something there. */
async function isRepository(repository: NodeRepository, signal: AbortSignal): Promise<boolean> {
  const folders = ["data", "manifests", "removals", "keys"];
  const children = await repository.storage.children(repository.key(""), { signal });
  return children.some((child) => folders.includes(child));
}

/** Throws the most that can be said of a location of a node where nothing is. */
async function refuseNode(location: StorageLocation, repository: NodeRepository, signal: AbortSignal): Promise<never> {
  const { storage, path } = repository;
  await refuseMisplaced(location, storage, signal);
  const others = isHostId(path.node) ? [] : await otherNodes(storage, path, signal);
  const named = `${others.slice(0, 3).join(", ")}${others.length > 3 ? ", …" : ""}`;
  throw new AppError("not-found", `there is nothing in ${repository.description}`, {
    hint:
      others.length === 0
        ? "check --storage-location"
        : `'${path.node}' is not a host ID; the datacenter has the nodes ${named}`,
  });
}

async function refuseMisplaced(location: StorageLocation, storage: Storage, signal: AbortSignal): Promise<void> {
  const prefix = await findMisplacedNode(storage, location.node, signal);
  if (prefix === undefined) return;
  throw new AppError("not-found", `the repository in ${storage.description} is at another level`, {
    hint: describeMisplaced(location, prefix),
  });
}
