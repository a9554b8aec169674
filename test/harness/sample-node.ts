import { randomUUID } from "node:crypto";
import { NodeRepository } from "../../src/repository/node-repository.ts";
import { type BackupName, manifestEntries } from "../../src/repository/repository.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { bytesSource, toArray } from "./sample-bytes.ts";
import { sampleKey, sampleManifest, sampleName } from "./sample-manifest.ts";

export const quietLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** The bytes of object `number`; every object has another size. */
export function sampleSize(number: number): number {
  return 100 + number;
}

/** A node in a store, with backups of numbered objects; its ID is its own, so that no two tests hold the same node. */
export class SampleNode {
  readonly storage: Storage;
  readonly repository: NodeRepository;

  constructor(storage: Storage, datacenter = "dc1", node: string = randomUUID()) {
    this.storage = storage;
    this.repository = new NodeRepository(storage, { cluster: "c", datacenter, node }, quietLog);
  }

  get location(): string {
    const { cluster, datacenter, node } = this.repository.path;
    return `s3://bucket/${cluster}/${datacenter}/${node}`;
  }

  /** Stores what is missing of the numbered objects, and the manifest that names them. */
  async backUp(tag: string, createdMs: number, objects: readonly number[]): Promise<BackupName> {
    const name = sampleName(tag, createdMs);
    const stored = new Set(await this.dataKeys());
    const entries = objects.map((number) => {
      return { objectKey: sampleKey(number), type: "FILE", size: sampleSize(number), hash: null } as const;
    });
    for (const { objectKey, size } of entries) {
      if (!stored.has(objectKey)) await this.put(objectKey, Buffer.alloc(size));
    }
    await this.repository.writeManifest(name, sampleManifest(name, entries));
    return name;
  }

  async put(relativeKey: string, content: Uint8Array | string): Promise<void> {
    await this.storage.put(this.repository.key(relativeKey), bytesSource(Buffer.from(content)));
  }

  async names(): Promise<string[]> {
    return (await this.repository.listBackups()).map(({ name }) => name.text);
  }

  async removalNames(): Promise<string[]> {
    return (await this.repository.listRemovals()).map(({ name }) => name.text);
  }

  /** The keys of the stored data objects, relative to the node; sorted. */
  async dataKeys(): Promise<string[]> {
    return (await toArray(this.repository.listData())).map(({ key }) => key).sort();
  }

  async dataBytes(): Promise<number> {
    return (await toArray(this.repository.listData())).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** What the manifests that can be read name; sorted, each once. */
  async namedKeys(): Promise<string[]> {
    const named = new Set<string>();
    for (const { name } of await this.repository.listBackups()) {
      for (const { objectKey } of manifestEntries(await this.repository.readManifest(name))) named.add(objectKey);
    }
    return [...named].sort();
  }
}
