import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type BackupName, listNodes, type NodePath, NodeRepository } from "../repository/repository.ts";
import type { ListRequest } from "../request/request.ts";
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
  if (paths.length === 0) {
    throw new AppError("not-found", `there are no nodes in ${storage.description}`, {
      hint: `${hint}: in full it is protocol://bucket/cluster/datacenter/node`,
    });
  }
  const nodes: ListedNode[] = [];
  for (const path of paths) {
    const repository = new NodeRepository(storage, path, log);
    const references = await readReferences(repository, signal);
    if (references.backups.length === 0 && !(await exists(repository, signal))) {
      throw new AppError("not-found", `there is nothing in ${repository.description}`, { hint });
    }
    const backups = references.backups
      .filter(({ name }) => name.createdMs >= (request.fromTimestampMs ?? 0))
      .slice(0, request.lastN)
      .map((backup) => ({ ...backup, reclaimableBytes: references.reclaimableBytes(backup.name) }));
    const total = { backups: references.backups.length, files: references.files, bytes: references.bytes };
    nodes.push({ path, backups, total });
  }
  return nodes;
}

async function exists(repository: NodeRepository, signal: AbortSignal): Promise<boolean> {
  return (await repository.storage.children(repository.key(""), { signal })).length > 0;
}
