/** A stand-in node, a store with backups of its tables, and restores from it. */
import { hash, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { silentProgress } from "../../src/progress.ts";
import { backupName, objectKey } from "../../src/repository/repository.ts";
import type { RestoreReport } from "../../src/restore/context.ts";
import { restore } from "../../src/restore/run.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { memoryStorage } from "../../src/storage/testing/testing.ts";
import { openTestKeys } from "./keys.ts";
import { ManualClock } from "./manual-clock.ts";
import { requestOf } from "./request-of.ts";
import { RestoringNode } from "./restoring-node.ts";
import { sampleSchemaVersion } from "./sample-manifest.ts";
import { quietLog, SampleNode } from "./sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

/** By table: file to content. */
type Tables = Readonly<Record<string, Readonly<Record<string, string>>>>;
type Flags = Readonly<Record<string, string | readonly string[]>>;

interface BackUpOptions {
  /** Statements by table. */
  readonly schema?: Readonly<Record<string, string>>;
  readonly hashes?: boolean;
  readonly tag?: string;
  readonly createdMs?: number;
}

/** The ID of a table of the keyspace ks, of one letter. */
export function tableId(table: string): string {
  return Buffer.from(table.padEnd(16, ".")).toString("hex").slice(0, 32);
}

export class LiveRestoreFixture implements AsyncDisposable {
  readonly node: RestoringNode;
  readonly directory: TemporaryDirectory;
  readonly clock = new ManualClock();
  readonly warnings: string[] = [];
  readonly #storage: Storage;
  readonly #sample: SampleNode;

  private constructor(directory: TemporaryDirectory) {
    this.directory = directory;
    this.#storage = memoryStorage({ clock: this.clock });
    const hostId = randomUUID();
    this.#sample = new SampleNode(this.#storage, "dc1", hostId);
    this.node = new RestoringNode(join(directory.path, "data"), hostId);
  }

  /** A node with the empty tables ks.t and ks.u. */
  static async create(): Promise<LiveRestoreFixture> {
    const fixture = new LiveRestoreFixture(await temporaryDirectory());
    await mkdir(fixture.node.dataDirectory);
    for (const table of ["t", "u"]) await fixture.node.createTable(`ks.${table}`, { id: tableId(table) });
    return fixture;
  }

  async backUp(tables: Tables, options: BackUpOptions = {}): Promise<void> {
    const { hashes = true, tag = "snap", createdMs = 1000, schema = {} } = options;
    const content: Record<string, unknown> = {};
    for (const [table, files] of Object.entries(tables)) {
      const id = tableId(table);
      const sstables: Record<string, unknown[]> = {};
      for (const [file, bytes] of Object.entries(files)) {
        const baseName = /^(.*)-[A-Z]/.exec(file)?.[1] ?? "";
        const version = `${hash("sha256", bytes).slice(0, 8)}-1`;
        const key = objectKey({ keyspace: "ks", table, tableId: id, index: undefined, version, file });
        await this.#sample.put(key, bytes);
        const entry = { objectKey: key, type: "FILE", size: bytes.length, hash: hashes ? hash("sha256", bytes) : null };
        sstables[baseName] = [...(sstables[baseName] ?? []), entry];
      }
      content[table] = { sstables, id, schemaContent: schema[table] };
    }
    const name = backupName(tag, sampleSchemaVersion, createdMs);
    const snapshot = { name: name.text, keyspaces: { ks: { tables: content } } };
    const manifest = { snapshot, tokens: ["-5", "5"], schemaVersion: sampleSchemaVersion, size: 1 };
    await this.#sample.put(`manifests/${name.text}.json`, JSON.stringify(manifest));
  }

  async restore(flags: Flags = {}): Promise<RestoreReport> {
    await this.clock.advance(1000);
    const request = requestOf("restore", {
      "storage-location": this.#sample.location,
      "snapshot-tag": "snap",
      "config-directory": join(this.directory.path, "conf"),
      "restoration-strategy-type": "IMPORT",
      ...flags,
    });
    const { signal } = new AbortController();
    const log = { ...quietLog, warn: (message: string) => void this.warnings.push(message) };
    return restore(request, {
      storage: this.#storage,
      node: this.node.node,
      keys: openTestKeys(),
      clock: this.clock,
      log,
      progress: silentProgress,
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}
