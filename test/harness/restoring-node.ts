/** A stand-in for a running Cassandra node of one data directory, on real files: everything but Cassandra's own process. */
import { copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CassandraNode } from "../../src/cassandra/cassandra.ts";
import { parseComponentName, withGeneration } from "../../src/cassandra/sstable/sstable.ts";
import { AppError } from "../../src/errors.ts";
import type { JmxArgument, JmxConnection, JmxValue, MBeanInfo } from "../../src/jmx/jmx.ts";

export interface RestoringTable {
  readonly id: string;
  readonly cql?: string;
}

function simpleTable(name: string): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (k int PRIMARY KEY, v text);`;
}

const importSignature = ["java.util.Set", ...Array<string>(7).fill("boolean")];

export class RestoringNode {
  readonly dataDirectory: string;
  /** By "keyspace.table". */
  readonly tables = new Map<string, RestoringTable>();
  /** The operations that changed something, in order: "truncate ks.t". */
  readonly calls: string[] = [];
  releaseVersion = "5.0.9";
  autoSnapshot = true;
  /** The Data.db files that the node recognizes as SSTables. */
  recognizes: (file: string) => boolean = () => true;
  /** The directories that the node's process sees. */
  sees: (directory: string) => boolean = () => true;
  /** Called before each operation; may throw. */
  before: (call: string) => void = () => undefined;
  readonly node: CassandraNode;
  readonly hostId: string;
  #generation = 100;

  constructor(dataDirectory: string, hostId: string) {
    this.dataDirectory = dataDirectory;
    this.hostId = hostId;
    this.node = new CassandraNode(this.#connection(), 60_000);
  }

  async createTable(name: string, table: RestoringTable): Promise<void> {
    this.tables.set(name, table);
    await mkdir(this.path(name), { recursive: true });
  }

  path(name: string): string {
    const [keyspace = "", table = ""] = name.split(".");
    return join(this.dataDirectory, keyspace, `${table}-${this.tables.get(name)?.id}`);
  }

  /** The names of the snapshots of a table. */
  async snapshots(name: string): Promise<string[]> {
    return (await readdir(join(this.path(name), "snapshots")).catch(() => [])).sort();
  }

  #connection(): JmxConnection {
    const unsupported = async (): Promise<never> => {
      throw new AppError("internal", "the stand-in has no such call");
    };
    return {
      getAttribute: async (bean, attribute) => this.#attribute(bean, attribute),
      getAttributes: async (bean, names) => new Map(names.map((name) => [name, this.#attribute(bean, name)])),
      invoke: (bean, operation, args) => this.#invoke(bean, operation, args),
      queryNames: async (pattern = "") => {
        const keyspace = /keyspace=(\w+)/.exec(pattern)?.[1];
        const names = [...this.tables.keys()].filter((name) => name.startsWith(`${keyspace}.`));
        return names.map((name) => `x:type=Tables,keyspace=${keyspace},table=${name.split(".")[1]}`);
      },
      getMBeanInfo: async (): Promise<MBeanInfo> => ({
        className: "x",
        attributes: [],
        operations: [{ name: "importNewSSTables", returnType: "java.util.List", signature: importSignature }],
      }),
      setAttribute: unsupported,
      isRegistered: unsupported,
      isInstanceOf: unsupported,
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #attribute(bean: string, name: string): JmxValue {
    if (name === "DataPaths") return [this.path(tableOf(bean))];
    const values: Readonly<Record<string, JmxValue>> = {
      ClusterName: "c",
      LocalHostId: this.hostId,
      Tokens: ["-5", "5"],
      SchemaVersion: "2473304f-e202-3575-b392-28ef6378e7aa",
      SchemaVersions: new Map([["2473304f-e202-3575-b392-28ef6378e7aa", ["127.0.0.1"]]]),
      ReleaseVersion: this.releaseVersion,
      OperationMode: "NORMAL",
      AllDataFileLocations: [this.dataDirectory],
      CommitLogLocation: "/nowhere",
      Keyspaces: [...new Set([...this.tables.keys()].map((table) => table.split(".")[0] ?? ""))],
      Datacenter: "dc1",
      Rack: "r1",
      UnreachableNodes: [],
      JoiningNodes: [],
      LeavingNodes: [],
      MovingNodes: [],
      EndpointToHostId: new Map([["127.0.0.1", this.hostId]]),
    };
    return values[name] ?? null;
  }

  async #invoke(bean: string, operation: string, args: readonly JmxArgument[]): Promise<JmxValue> {
    const texts = args.flatMap(textsOf);
    const isProbe = texts[0]?.startsWith("esop-schema-") === true;
    if (operation === "getDatacenter") return "dc1";
    if (operation === "getRack") return "r1";
    const call = operation === "importNewSSTables" ? `${operation} ${tableOf(bean)}` : [operation, ...texts].join(" ");
    this.before(call);
    if (!isProbe) this.calls.push(call);
    const [first = "", second = ""] = texts;
    switch (operation) {
      case "takeSnapshot":
        for (const table of this.#tablesOf(texts.slice(1))) await this.#snapshot(table, first);
        return null;
      case "clearSnapshot":
        for (const table of this.tables.keys()) {
          if (second !== "" && !table.startsWith(`${second}.`)) continue;
          await rm(join(this.path(table), "snapshots", first), { recursive: true, force: true });
        }
        return null;
      case "truncate":
        return this.#truncate(`${first}.${second}`);
      case "loadNewSSTables":
        return this.#load(`${first}.${second}`);
      case "importNewSSTables":
        return this.#import(tableOf(bean), first, args.at(-1) === true);
    }
    throw new AppError("node-refused", `the stand-in has no ${operation}`);
  }

  /** `entities` are tables or keyspaces. */
  #tablesOf(entities: readonly string[]): string[] {
    return [...this.tables.keys()].filter((table) =>
      entities.some((entity) => entity === table || table.startsWith(`${entity}.`)),
    );
  }

  async #files(directory: string): Promise<string[]> {
    return (await readdir(directory)).filter((name) => parseComponentName(name) !== undefined);
  }

  async #snapshot(table: string, name: string): Promise<void> {
    const from = this.path(table);
    const to = join(from, "snapshots", name);
    await mkdir(to, { recursive: true });
    for (const file of await this.#files(from)) await link(join(from, file), join(to, file));
    await writeFile(join(to, "schema.cql"), this.tables.get(table)?.cql ?? simpleTable(table));
  }

  async #truncate(table: string): Promise<JmxValue> {
    const name = table.split(".")[1];
    if (this.autoSnapshot) await this.#snapshot(table, `truncated-17000000${this.#generation++}-${name}`);
    for (const file of await this.#files(this.path(table))) await rm(join(this.path(table), file));
    return null;
  }

  async #load(table: string): Promise<JmxValue> {
    const directory = this.path(table);
    const files = await this.#files(directory);
    const fresh = files.filter((file) => Number(parseComponentName(file)?.generation) >= 1_500_000_000);
    await this.#take(directory, fresh, directory, rename);
    return null;
  }

  async #import(table: string, directory: string, copy: boolean): Promise<JmxValue> {
    const found = await stat(directory).catch(() => undefined);
    if (found === undefined || !this.sees(directory)) {
      throw new AppError("node-refused", `Directory ${directory} does not exist`);
    }
    await this.#take(directory, await this.#files(directory), this.path(table), copy ? copyFile : rename);
    return [];
  }

  async #take(
    from: string,
    files: readonly string[],
    to: string,
    take: (from: string, to: string) => Promise<void>,
  ): Promise<void> {
    const recognized = files.filter((file) => file.endsWith("-Data.db") && this.recognizes(basename(file)));
    for (const data of recognized) {
      const baseName = parseComponentName(data)?.baseName;
      const generation = String(this.#generation++);
      for (const file of files.filter((name) => parseComponentName(name)?.baseName === baseName)) {
        await take(join(from, file), join(to, withGeneration(file, generation)));
      }
    }
  }
}

function tableOf(bean: string): string {
  const [, keyspace = "", table = ""] = /keyspace=(\w+),table=(\w+)/.exec(bean) ?? [];
  return `${keyspace}.${table}`;
}

function textsOf(argument: JmxArgument): string[] {
  if (typeof argument === "string") return [argument];
  if (typeof argument !== "object" || argument === null) return [];
  if (argument.type === "stringArray") return [...argument.values];
  return argument.type === "set" ? argument.items.flatMap(textsOf) : [];
}
