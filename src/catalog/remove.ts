/**
 * Removing backups. What makes it safe: the manifest goes first, so that a backup is either whole or not there; objects
 * go only if no manifest left names them; and a record of the removal stays until the last of its objects is gone, so
 * that a removal cut short is finished by the next one. A manifest that cannot be read, and any other object beside the
 * manifests, stops every removal, since nobody can say which objects it names.
 */
import type { Clock } from "../clock.ts";
import { AppError, isAppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { acquireLock, repositoryLockName } from "../operation/operation.ts";
import {
  type BackupName,
  findOneBackup,
  listNodes,
  type Manifest,
  manifestEntries,
  type NodePath,
  NodeRepository,
  removeTopology,
} from "../repository/repository.ts";
import { formatStorageLocation, type RemoveRequest } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { type BackupTables, mustKeep, tablesOf } from "./retention.ts";

export interface RemovedBackup {
  readonly path: NodePath;
  readonly name: string;
  /** Objects that no other backup names: deleted, or with `dry` to be deleted. */
  readonly objects: number;
  readonly bytes: number;
}

export interface RemoveReport {
  readonly removed: readonly RemovedBackup[];
  /** Backups that an age rule would have removed, kept because no newer backup of the node has all their tables. */
  readonly keptNewest: readonly { readonly path: NodePath; readonly name: string }[];
  /** Removals that an earlier run had begun and not finished. */
  readonly finished: number;
}

export interface RemoveDependencies {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Removes what the request names, on one node or, for a global request, on all of the cluster or of its `dcs`. */
export async function removeBackups(request: RemoveRequest, dependencies: RemoveDependencies): Promise<RemoveReport> {
  const { storage, log, signal } = dependencies;
  if (!request.skipBucketVerification && !(await storage.bucketExists({ signal }))) {
    throw new AppError("not-found", `there is no ${storage.description}`, { hint: "check --storage-location" });
  }
  const removed: RemovedBackup[] = [];
  const keptNewest: { path: NodePath; name: string }[] = [];
  let finished = 0;
  let [unknown, inUse]: (AppError | undefined)[] = [];
  for (const path of await nodesOf(request, storage, signal)) {
    const repository = new NodeRepository(storage, path, log);
    await using lock = new AsyncDisposableStack();
    try {
      if (!request.dry) lock.use(await lockRepository(request, path, dependencies));
    } catch (error) {
      if (!request.globalRequest || !isAppError(error, "busy")) throw error;
      log.warn(`${error.message}; its backups are left as they are`);
      inUse = error;
      continue;
    }
    const node = new NodeRemoval(repository, request.dry, log, signal);
    await node.load();
    finished += await node.finishEarlier();
    let chosen: Chosen;
    try {
      chosen = choose(request, node, repository, dependencies.clock);
    } catch (error) {
      // Not every node of a cluster has every backup.
      if (!request.globalRequest || !isAppError(error, "not-found")) throw error;
      unknown = error;
      continue;
    }
    keptNewest.push(...chosen.kept.map((name) => ({ path, name: name.text })));
    for (const name of chosen.remove) {
      removed.push({ path, name: name.text, ...(await node.remove(name)) });
      log.debug(`${request.dry ? "would remove" : "removed"} ${name.text} of ${path.node}`);
    }
  }
  if (removed.length === 0 && inUse === undefined && unknown !== undefined) throw unknown;
  if (request.globalRequest && request.dcs.length === 0 && !request.dry) {
    await removeTopology(storage, [...new Set(removed.map(({ name }) => name))], signal);
  }
  if (inUse !== undefined) throw inUse;
  return { removed, keptNewest, finished };
}

async function nodesOf(request: RemoveRequest, storage: Storage, signal: AbortSignal): Promise<readonly NodePath[]> {
  const { node } = request.storageLocation;
  if (!request.globalRequest) {
    if (node !== undefined) return [node];
    throw new AppError("usage", "the storage location does not say whose backups to remove", {
      hint: "give it in full: protocol://bucket/cluster/datacenter/node, or add --global-request",
    });
  }
  const nodes = await listNodes(storage, node?.cluster, signal);
  const clusters = [...new Set(nodes.map(({ cluster }) => cluster))].sort();
  if (clusters.length > 1) {
    const bucket = formatStorageLocation(request.storageLocation);
    throw new AppError(
      "ambiguous",
      `${bucket} holds the backups of ${clusters.length} clusters: ${clusters.join(", ")}`,
      {
        hint: `name one by any of its nodes, --storage-location ${bucket}/CLUSTER/DATACENTER/NODE`,
      },
    );
  }
  const chosen = nodes.filter(({ datacenter }) => request.dcs.length === 0 || request.dcs.includes(datacenter));
  if (chosen.length > 0) return chosen;
  const there = [...new Set(nodes.map(({ datacenter }) => datacenter))];
  throw new AppError(
    "not-found",
    `there are no nodes of ${request.dcs.join(", ") || "any cluster"} in ${storage.description}`,
    {
      hint: there.length > 0 ? `there is ${there.join(", ")}` : "check --storage-location",
    },
  );
}

/** Excludes backups of the node, other removals and changes of its keys. */
async function lockRepository(
  { storageLocation, cacheDir }: RemoveRequest,
  path: NodePath,
  { clock, log }: RemoveDependencies,
): Promise<AsyncDisposable> {
  const name = await repositoryLockName({ ...storageLocation, node: path });
  const subject = `the repository of node ${path.node}`;
  return acquireLock({ name, subject, verb: "remove-backup", cacheDir, clock, log });
}

interface Chosen {
  readonly remove: readonly BackupName[];
  readonly kept: readonly BackupName[];
}

/** Age rules keep each backup that no newer one replaces (see {@link mustKeep}): it may be the only good one of a table. */
function choose(request: RemoveRequest, node: NodeRemoval, repository: NodeRepository, clock: Clock): Chosen {
  const { names } = node;
  if (request.backupName !== undefined) {
    return { remove: [findOneBackup(names, request.backupName, { where: repository.description })], kept: [] };
  }
  const limitMs = clock.now() - (request.olderThanMs ?? 0);
  const candidates = request.oldest ? names.slice(-1) : names.filter(({ createdMs }) => createdMs < limitMs);
  const tables = names.map((name) => node.tablesOf(name));
  const kept = new Set(names.filter((_, index) => mustKeep(tables[index], tables.slice(0, index))));
  return {
    // The oldest first, so that a removal cut short leaves the newer ones.
    remove: candidates.filter((name) => !kept.has(name)).reverse(),
    kept: candidates.filter((name) => kept.has(name)),
  };
}

/** Objects of one delete call; stores take a thousand at most. */
const batchSize = 1000;

/** The removals of one node, with the number of manifests that name each object kept up to date between them. */
class NodeRemoval {
  readonly #repository: NodeRepository;
  readonly #dry: boolean;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #uses = new Map<string, number>();
  readonly #tables = new Map<string, BackupTables>();
  readonly #damaged = new Map<string, string>();
  #unknown: readonly string[] = [];
  #names: BackupName[] = [];

  constructor(repository: NodeRepository, dry: boolean, log: Logger, signal: AbortSignal) {
    this.#repository = repository;
    this.#dry = dry;
    this.#log = log;
    this.#signal = signal;
  }

  get names(): readonly BackupName[] {
    return this.#names;
  }

  /** Undefined where the manifest cannot be read. */
  tablesOf(name: BackupName): BackupTables | undefined {
    return this.#tables.get(name.text);
  }

  async load(): Promise<void> {
    const { backups, unknown } = await this.#repository.listManifests(this.#signal);
    this.#unknown = unknown;
    for (const { name } of backups) {
      this.#names.push(name);
      try {
        const manifest = await this.#repository.readManifest(name, this.#signal);
        for (const key of keysOf(manifest)) this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
        this.#tables.set(name.text, tablesOf(manifest));
      } catch (error) {
        if (!isAppError(error, "corrupt")) throw error;
        this.#damaged.set(name.text, error.message);
      }
    }
  }

  /** Deletes what removals cut short have left behind; gives how many there were. */
  async finishEarlier(): Promise<number> {
    const removals = await this.#repository.listRemovals(this.#signal);
    if (this.#dry || this.#damaged.size > 0 || this.#unknown.length > 0) return 0;
    let finished = 0;
    for (const { name } of removals) if (await this.#finish(name)) finished += 1;
    return finished;
  }

  async #finish(name: BackupName): Promise<boolean> {
    let manifest: Manifest | undefined;
    try {
      manifest = await this.#repository.readRemoval(name, this.#signal);
    } catch (error) {
      if (!isAppError(error, "corrupt")) throw error;
      // What it named cannot be told, and must not keep other backups from being removed.
      this.#log.warn(`the removal of ${name.text} cannot be finished: ${error.message}`);
      return false;
    }
    if (manifest === undefined) return false;
    // The removal's record is written before the manifest goes: the backup may be there still.
    if (!this.#names.some(({ text }) => text === name.text)) await this.#deleteUnused(manifest);
    await this.#repository.endRemoval(name, this.#signal);
    return true;
  }

  async remove(name: BackupName): Promise<{ readonly objects: number; readonly bytes: number }> {
    if (this.#damaged.has(name.text)) return this.#removeDamaged(name);
    const [damaged] = this.#damaged;
    if (damaged !== undefined) {
      throw new AppError("corrupt", `${damaged[1]}, so that nobody can say which objects it shares`, {
        hint: `remove it first, by its full name: ${damaged[0]}`,
      });
    }
    const [unknown] = this.#unknown;
    if (unknown !== undefined) {
      throw new AppError("corrupt", `${unknown} is no manifest that esop knows, so it may name any object`, {
        hint: "find out what it is and move it elsewhere; no objects are deleted until then",
      });
    }
    const { manifest, text } = await this.#repository.readStoredManifest(name, this.#signal);
    const unused = unusedIn(manifest, (key) => (this.#uses.get(key) ?? 0) <= 1);
    if (!this.#dry) await this.#repository.beginRemoval(name, text, this.#signal);
    for (const key of keysOf(manifest)) this.#uses.set(key, (this.#uses.get(key) ?? 1) - 1);
    this.#names = this.#names.filter(({ text }) => text !== name.text);
    if (!this.#dry) {
      await this.#deleteUnused(manifest);
      await this.#repository.endRemoval(name, this.#signal);
    }
    return unused;
  }

  /** Only the manifest goes: what it names cannot be told, and is left. */
  async #removeDamaged(name: BackupName): Promise<{ readonly objects: number; readonly bytes: number }> {
    if (!this.#dry) await this.#repository.deleteManifest(name, this.#signal);
    this.#damaged.delete(name.text);
    this.#names = this.#names.filter(({ text }) => text !== name.text);
    return { objects: 0, bytes: 0 };
  }

  async #deleteUnused(manifest: Manifest): Promise<void> {
    const keys = [...keysOf(manifest)].filter((key) => (this.#uses.get(key) ?? 0) === 0);
    for (let start = 0; start < keys.length; start += batchSize) {
      await this.#repository.deleteData(keys.slice(start, start + batchSize), this.#signal);
    }
  }
}

function keysOf(manifest: Manifest): Set<string> {
  const keys = new Set<string>();
  for (const { objectKey } of manifestEntries(manifest)) keys.add(objectKey);
  return keys;
}

function unusedIn(manifest: Manifest, unused: (key: string) => boolean) {
  const sizes = new Map<string, number>();
  for (const { objectKey, size } of manifestEntries(manifest)) if (unused(objectKey)) sizes.set(objectKey, size ?? 0);
  let bytes = 0;
  for (const size of sizes.values()) bytes += size;
  return { objects: sizes.size, bytes };
}
