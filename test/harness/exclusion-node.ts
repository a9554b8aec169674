import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { CassandraNode } from "../../src/cassandra/node.ts";
import type { JmxArgument, JmxConnection, JmxValue } from "../../src/jmx/jmx.ts";

const components = ["CompressionInfo.db", "Filter.db", "Index.db", "Statistics.db", "Summary.db"];

interface StandInTable {
  readonly keyspace: string;
  readonly table: string;
  readonly id: string;
}

export interface SSTableName {
  readonly keyspace: string;
  readonly table: string;
  readonly generation: number;
  /** ".b_idx" for an SSTable of a legacy index. */
  readonly index?: string;
  /** The position of the data directory. */
  readonly directory?: number;
}

/**
 * A node that answers the calls of a backup over real directories: its SSTables have all components and a TOC, its
 * snapshots are hard links with Cassandra's manifest.json, which stands in the last data directory.
 */
export class StandInNode {
  readonly hostId: string = randomUUID();
  readonly dataDirectories: readonly string[];
  readonly tables: StandInTable[] = [];
  readonly calls: string[] = [];
  schemaVersion: string = randomUUID();
  tokens = ["1", "2"];
  /** The paths of the data directories as the node names them: others in a container. */
  seenAs: readonly string[] | undefined;
  /** Runs right before a snapshot is made, and right after. */
  beforeSnapshot: (name: string) => Promise<void> = async () => undefined;
  afterSnapshot: (name: string) => Promise<void> = async () => undefined;

  private constructor(dataDirectories: readonly string[]) {
    this.dataDirectories = dataDirectories;
  }

  /** With `count` data directories below `root`, and the table system.local. */
  static async in(root: string, count = 1): Promise<StandInNode> {
    const node = new StandInNode(Array.from({ length: count }, (_, number) => join(root, `data${number}`)));
    await node.createTable("system", "local");
    return node;
  }

  get cassandra(): CassandraNode {
    return new CassandraNode(this.#connection(), 60_000);
  }

  async createTable(keyspace: string, table: string): Promise<string> {
    const id = randomBytes(16).toString("hex");
    this.tables.push({ keyspace, table, id });
    for (const directory of this.dataDirectories) {
      await mkdir(join(directory, keyspace, `${table}-${id}`), { recursive: true });
    }
    this.schemaVersion = randomUUID();
    return id;
  }

  /** The table's directory in one data directory. */
  directoryOf(keyspace: string, table: string, directory = 0): string {
    const { id } = this.#table(keyspace, table);
    return join(this.dataDirectories[directory] ?? "", keyspace, `${table}-${id}`);
  }

  /** Writes an SSTable whose rows are the text. */
  async write({ keyspace, table, generation, index = "", directory = 0 }: SSTableName, rows: string): Promise<void> {
    const path = join(this.directoryOf(keyspace, table, directory), index);
    await mkdir(path, { recursive: true });
    const all = [...components, "Data.db", "Digest.crc32", "TOC.txt"];
    for (const component of all) {
      const content =
        component === "Data.db"
          ? rows
          : component === "Digest.crc32"
            ? String(crc32(rows))
            : component === "TOC.txt"
              ? `${all.join("\n")}\n`
              : `${component} of ${rows}`;
      await writeFile(join(path, `nb-${generation}-big-${component}`), content);
    }
  }

  async #takeSnapshot(name: string, entities: readonly string[]): Promise<void> {
    await this.beforeSnapshot(name);
    for (const { keyspace, table } of this.tables) {
      if (entities.length > 0 && !entities.includes(keyspace) && !entities.includes(`${keyspace}.${table}`)) continue;
      const files: string[] = [];
      let last = "";
      for (const directory of this.dataDirectories.keys()) {
        const live = this.directoryOf(keyspace, table, directory);
        const snapshot = join(live, "snapshots", name);
        last = snapshot;
        for (const entry of await readdir(live, { withFileTypes: true, recursive: true })) {
          const folder = entry.parentPath.slice(live.length + 1);
          if (!entry.isFile() || folder.startsWith("snapshots") || folder.startsWith("backups")) continue;
          await mkdir(join(snapshot, folder), { recursive: true });
          await link(join(entry.parentPath, entry.name), join(snapshot, folder, entry.name));
          if (entry.name.endsWith("-Data.db")) files.push(folder === "" ? entry.name : `${folder}/${entry.name}`);
        }
      }
      await mkdir(last, { recursive: true });
      await writeFile(join(last, "manifest.json"), JSON.stringify({ files, created_at: null, expires_at: null }));
      await writeFile(join(last, "schema.cql"), `CREATE TABLE ${keyspace}.${table} (a int PRIMARY KEY)`);
    }
    await this.afterSnapshot(name);
  }

  async #clearSnapshot(name: string): Promise<void> {
    for (const directory of this.dataDirectories) {
      for (const keyspace of await readdir(directory)) {
        for (const table of await readdir(join(directory, keyspace))) {
          await rm(join(directory, keyspace, table, "snapshots", name), { recursive: true, force: true });
        }
      }
    }
  }

  #table(keyspace: string, table: string): StandInTable {
    const found = this.tables.findLast((each) => each.keyspace === keyspace && each.table === table);
    if (found === undefined) throw new Error(`no table ${keyspace}.${table}`);
    return found;
  }

  #attributes(): ReadonlyMap<string, JmxValue> {
    return new Map<string, JmxValue>([
      ["ClusterName", "c"],
      ["LocalHostId", this.hostId],
      ["Tokens", [...this.tokens]],
      ["SchemaVersion", this.schemaVersion],
      ["ReleaseVersion", "5.0.9"],
      ["OperationMode", "NORMAL"],
      ["AllDataFileLocations", [...(this.seenAs ?? this.dataDirectories)]],
      ["CommitLogLocation", "/nowhere/commitlog"],
      ["Keyspaces", [...new Set(this.tables.map(({ keyspace }) => keyspace))]],
      ["Datacenter", "dc1"],
      ["Rack", "rack1"],
    ]);
  }

  #connection(): JmxConnection {
    const unexpected = async (): Promise<never> => {
      throw new Error("the stand-in does not answer this call");
    };
    return {
      getAttribute: async (_bean, name) => this.#attributes().get(name) ?? null,
      getAttributes: async (_bean, names) => new Map([...this.#attributes()].filter(([name]) => names.includes(name))),
      invoke: async (_bean, operation, args) => {
        this.calls.push(operation);
        const [name = "", entities = []] = [textOf(args[0]), textsOf(args.at(-1))];
        if (operation === "takeSnapshot") await this.#takeSnapshot(name, entities);
        else if (operation === "clearSnapshot") await this.#clearSnapshot(name);
        else return unexpected();
        return null;
      },
      queryNames: async (pattern) => {
        const keyspace = /keyspace=([^,]+)/.exec(pattern ?? "")?.[1];
        const tables = this.tables.filter((each) => each.keyspace === keyspace);
        return tables.map(({ table }) => `org.apache.cassandra.db:type=Tables,keyspace=${keyspace},table=${table}`);
      },
      setAttribute: unexpected,
      isRegistered: unexpected,
      isInstanceOf: unexpected,
      getMBeanInfo: unexpected,
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

function textOf(argument: JmxArgument | undefined): string {
  return typeof argument === "string" ? argument : "";
}

function textsOf(argument: JmxArgument | undefined): readonly string[] {
  const isList = typeof argument === "object" && argument !== null && argument.type === "stringArray";
  return isList ? argument.values : [];
}
