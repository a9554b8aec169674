import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { checkKeyLength, type ObjectInfo, type RewindableSource, type Storage } from "../storage/storage.ts";
import { bytesSource } from "../transfer/transfer.ts";
import {
  type BackupName,
  dataPrefix,
  keyPrefix,
  manifestPrefix,
  type NodePath,
  nodePrefix,
  parseBackupName,
  removalPrefix,
  topologyPrefix,
} from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { manifestSource, type ReadManifestOptions, readManifestFile, type StoredManifest } from "./manifest-file.ts";
import type { TopologyFile } from "./topology.ts";

/** A manifest as the listing shows it. */
export interface StoredBackup {
  readonly name: BackupName;
  readonly manifestBytes: number;
}

export interface ManifestListing {
  readonly backups: readonly StoredBackup[];
  readonly unknown: readonly string[];
}

export class NodeRepository {
  readonly storage: Storage;
  readonly path: NodePath;
  readonly #log: Logger;

  constructor(storage: Storage, path: NodePath, log: Logger) {
    this.storage = storage;
    this.path = path;
    this.#log = log;
  }

  /** For messages: the store and the node's prefix in it. */
  get description(): string {
    return `${this.storage.description}/${nodePrefix(this.path).slice(0, -1)}`;
  }

  /** The full key of an object named relative to the node. */
  key(relative: string): string {
    return nodePrefix(this.path) + relative;
  }

  /** Where the node's wrapped data keys lie. */
  get keyLocation(): { readonly storage: Storage; readonly prefix: string } {
    return { storage: this.storage, prefix: this.key(keyPrefix) };
  }

  /** All backups of the node, newest first. Objects that are no manifests are passed over with a warning. */
  async listBackups(signal?: AbortSignal): Promise<readonly StoredBackup[]> {
    return (await this.listManifests(signal)).backups;
  }

  /** All backups of the node, newest first, and the keys of all other objects below `manifests/`. */
  async listManifests(signal?: AbortSignal): Promise<ManifestListing> {
    return this.#listNames(manifestPrefix, signal);
  }

  /** Removals that were begun and not finished. */
  async listRemovals(signal?: AbortSignal): Promise<readonly StoredBackup[]> {
    return (await this.#listNames(removalPrefix, signal)).backups;
  }

  async #listNames(folder: string, signal: AbortSignal | undefined): Promise<ManifestListing> {
    const prefix = this.key(folder);
    const found: StoredBackup[] = [];
    const unknown: string[] = [];
    for await (const { key, sizeBytes } of this.storage.list(prefix, { signal })) {
      const file = key.slice(prefix.length);
      const name = file.endsWith(".json") ? parseBackupName(file.slice(0, -".json".length)) : undefined;
      if (name === undefined) {
        unknown.push(key);
        this.#log.warn(`passed over ${key}: not a manifest's name`);
      } else found.push({ name, manifestBytes: sizeBytes });
    }
    const backups = found.sort((a, b) => b.name.createdMs - a.name.createdMs || (a.name.text < b.name.text ? -1 : 1));
    return { backups, unknown };
  }

  /**
   * Throws `not-found`, and `corrupt` for a manifest that is damaged or too large. With `keep`, a large one is read
   * without the entries that are of no interest.
   */
  async readStoredManifest(
    name: BackupName,
    signal?: AbortSignal,
    keep?: ReadManifestOptions["keep"],
  ): Promise<StoredManifest> {
    const stored = await readManifestFile(this.storage, this.#manifestKey(name), name.text, { signal, keep });
    if (stored === undefined) throw new AppError("not-found", `no manifest '${name.text}' in ${this.description}`);
    return stored;
  }

  #manifestKey(name: BackupName): string {
    return this.key(`${manifestPrefix}${name.text}.json`);
  }

  async readManifest(name: BackupName, signal?: AbortSignal): Promise<Manifest> {
    return (await this.readStoredManifest(name, signal)).manifest;
  }

  /** Throws `usage` for a backup whose files would have longer names than the store takes. */
  checkName(name: BackupName): void {
    const hint = "give a shorter --snapshot-tag";
    for (const folder of [this.key(manifestPrefix), this.key(removalPrefix), topologyPrefix]) {
      checkKeyLength(this.storage, `${folder}${name.text}.json`, hint);
    }
  }

  /** Throws `usage` for a data object whose key is longer than the store takes. */
  checkDataKey(objectKey: string): void {
    checkKeyLength(this.storage, this.key(objectKey), "use a store or --storage-location with a shorter path");
  }

  /** Throws `unsupported` for a manifest that is too large. */
  async writeManifest(name: BackupName, manifest: Manifest, signal?: AbortSignal): Promise<void> {
    await this.storage.put(this.#manifestKey(name), manifestSource(manifest), { signal });
  }

  async writeTopology(name: BackupName, topology: TopologyFile, signal?: AbortSignal): Promise<void> {
    await this.#putText(`${topologyPrefix}${name.text}.json`, JSON.stringify(topology), signal);
  }

  async #putText(key: string, text: string, signal: AbortSignal | undefined): Promise<void> {
    const source = bytesSource(Buffer.from(text));
    await this.storage.put(key, source, { signal });
  }

  /** Every data object of the node whose relative key starts with `prefix`; keys in the result are relative. */
  async *listData(prefix: string = dataPrefix, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
    const full = this.key(prefix);
    const skip = full.length - prefix.length;
    for await (const info of this.storage.list(full, { signal })) {
      yield { ...info, key: info.key.slice(skip) };
    }
  }

  /**
   * From here on the backup does not exist; what it named is kept in `removals/` until {@link endRemoval}. Without the
   * manifest's text, its file is copied.
   */
  async beginRemoval(name: BackupName, manifestText: string | undefined, signal?: AbortSignal): Promise<void> {
    const source =
      manifestText === undefined ? await this.#copyOf(name, signal) : bytesSource(Buffer.from(manifestText));
    await this.storage.put(this.key(`${removalPrefix}${name.text}.json`), source, { signal });
    await this.deleteManifest(name, signal);
  }

  async #copyOf(name: BackupName, signal: AbortSignal | undefined): Promise<RewindableSource> {
    const { storage } = this;
    const key = this.#manifestKey(name);
    const info = await storage.stat(key, { signal });
    if (info === undefined) throw new AppError("not-found", `no manifest '${name.text}' in ${this.description}`);
    return {
      sizeBytes: info.sizeBytes,
      sequential: true,
      async *open() {
        yield* await storage.get(key, { signal });
      },
    };
  }

  /** What a removal that is under way wanted to delete; undefined if its file is gone. Throws `corrupt`. */
  async readRemoval(name: BackupName, signal?: AbortSignal): Promise<Manifest | undefined> {
    const key = this.key(`${removalPrefix}${name.text}.json`);
    return (await readManifestFile(this.storage, key, name.text, { signal }))?.manifest;
  }

  async endRemoval(name: BackupName, signal?: AbortSignal): Promise<void> {
    await this.deleteData([`${removalPrefix}${name.text}.json`], signal);
  }

  /** Takes away a manifest that cannot be read; what it named is not touched. */
  async deleteManifest(name: BackupName, signal?: AbortSignal): Promise<void> {
    await this.deleteData([`${manifestPrefix}${name.text}.json`], signal);
  }

  /** Deletes objects by their relative keys; throws the first failure after trying all. */
  async deleteData(relativeKeys: readonly string[], signal?: AbortSignal): Promise<void> {
    const keys = relativeKeys.map((relative) => this.key(relative));
    const { failed } = await this.storage.delete(keys, { signal });
    const [first] = failed;
    if (first !== undefined) throw first.error;
  }
}

/** Every node with a prefix in the bucket, of one cluster or of all. */
export async function listNodes(
  storage: Storage,
  cluster: string | undefined,
  signal?: AbortSignal,
): Promise<NodePath[]> {
  const options = { signal };
  const clusters =
    cluster === undefined
      ? (await storage.children("", options)).filter((name) => `${name}/` !== topologyPrefix)
      : [cluster];
  const nodes: NodePath[] = [];
  for (const name of clusters) {
    for (const datacenter of await storage.children(`${name}/`, options)) {
      for (const node of await storage.children(`${name}/${datacenter}/`, options)) {
        nodes.push({ cluster: name, datacenter, node });
      }
    }
  }
  return nodes;
}
