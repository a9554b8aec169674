import { hash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { silentProgress } from "../../src/progress.ts";
import { backupName, objectKey } from "../../src/repository/repository.ts";
import { restore } from "../../src/restore/restore.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { memoryStorage } from "../../src/storage/testing/testing.ts";
import { body, mutation, of, segment } from "./commit-log.ts";
import { readTree, writeTree } from "./file-tree.ts";
import { openTestKeys } from "./keys.ts";
import { ManualClock } from "./manual-clock.ts";
import { requestOf } from "./request-of.ts";
import { sampleSchemaVersion } from "./sample-manifest.ts";
import { quietLog, SampleNode } from "./sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

export const ids = {
  t: "0978d800e67611f19a07dbe54d2f2ac2",
  u: "19a650a0e67611f19a07dbe54d2f2ac2",
  local: "7ad54392bcdd35a684174e047860b377",
} as const;
const keyspaces = { t: "ks", u: "ks", local: "system" } as const;
export type SampleTable = keyof typeof ids;

export const sampleBackup = "snap";

/** The directory of a table, below a data directory. */
export function tableDirectory(table: SampleTable): string {
  return `${keyspaces[table]}/${table}-${ids[table]}`;
}

type Flags = Readonly<Record<string, string | readonly string[]>>;

/** A stopped node on real directories, with SSTables of two tables and a commit log, and a backup of it in memory. */
export class StoppedSample implements AsyncDisposable {
  readonly path: string;
  readonly storage: Storage;
  readonly #directory: TemporaryDirectory;
  readonly #node: SampleNode;

  private constructor(directory: TemporaryDirectory) {
    this.#directory = directory;
    this.path = directory.path;
    this.storage = memoryStorage({ clock: new ManualClock() });
    this.#node = new SampleNode(this.storage);
  }

  /** With `data0` and `data1` as data directories where `dataDirectories` is 2. */
  static async create(dataDirectories = 1): Promise<StoppedSample> {
    const sample = new StoppedSample(await temporaryDirectory());
    for (let index = 0; index < dataDirectories; index += 1) await mkdir(sample.at(`data${index}`));
    for (const path of ["commitlog", "hints", "saved_caches", "conf"]) await mkdir(sample.at(path));
    const [t, u, local] = [tableDirectory("t"), tableDirectory("u"), tableDirectory("local")];
    await writeTree(sample.path, {
      [`data0/${t}/nb-1-big-Data.db`]: "former t",
      [`data0/${t}/nb-1-big-Filter.db`]: "filter t 1",
      [`data0/${u}/nb-1-big-Data.db`]: "former u",
      [`data0/${local}/nb-1-big-Data.db`]: "former local",
      "hints/1.hints": "hints",
      "saved_caches/KeyCache.db": "keys",
      "commitlog/CommitLog-7-1.log": segment({
        sections: [[mutation(body(of(ids.t))), mutation(body(of(ids.u)))]],
      }),
    });
    await sample.#backUp();
    return sample;
  }

  at(path: string): string {
    return join(this.path, path);
  }

  async #backUp(): Promise<void> {
    const found: Record<string, { tables: Record<string, unknown> }> = { ks: { tables: {} }, system: { tables: {} } };
    for (const table of ["t", "u", "local"] as const) {
      const keyspace = keyspaces[table];
      const sstables: Record<string, unknown[]> = {};
      const contents = [
        [1, "Data.db", `restored ${table} 1`],
        [1, "Filter.db", `filter ${table} 1`],
        [2, "Data.db", `restored ${table} 2`],
      ] as const;
      for (const [number, component, content] of contents) {
        const file = `nb-${number}-big-${component}`;
        const key = objectKey({ keyspace, table, tableId: ids[table], index: undefined, version: `${number}-1`, file });
        await this.#node.put(key, content);
        const entry = { objectKey: key, type: "FILE", size: content.length, hash: hash("sha256", content) };
        sstables[`nb-${number}-big`] = [...(sstables[`nb-${number}-big`] ?? []), entry];
      }
      const tables = found[keyspace]?.tables;
      if (tables !== undefined) tables[table] = { sstables, id: ids[table] };
    }
    const name = this.backup;
    const manifest = {
      snapshot: { name, keyspaces: found },
      tokens: ["1"],
      schemaVersion: sampleSchemaVersion,
      size: 1,
    };
    await this.#node.put(`manifests/${name}.json`, JSON.stringify(manifest));
  }

  get backup(): string {
    return backupName(sampleBackup, sampleSchemaVersion, 1000).text;
  }

  /** A restore of `ks.t`, IN_PLACE, if the flags say nothing else; an empty text takes a flag out. */
  restore(flags: Flags = {}, storage = this.storage) {
    const all: Flags = {
      "storage-location": this.#node.location,
      "snapshot-tag": sampleBackup,
      "restoration-strategy-type": "IN_PLACE",
      entities: "ks.t",
      "data-dir": this.at("data0"),
      "cassandra-dir": this.path,
      "config-directory": this.at("conf"),
      ...flags,
    };
    const request = requestOf("restore", Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")));
    const dependencies = { clock: new ManualClock(), log: quietLog, progress: silentProgress, keys: openTestKeys() };
    return restore(request, { ...dependencies, storage, node: undefined, signal: new AbortController().signal });
  }

  /** The files of the node, without what a restore keeps beside them and the locks. */
  async tree(): Promise<Readonly<Record<string, string>>> {
    const tree = Object.entries(await readTree(this.path));
    return Object.fromEntries(tree.filter(([path]) => !/^esop-restore|\.lock$/.test(path)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}
