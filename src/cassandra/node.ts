import { AppError, isAppError } from "../errors.ts";
import { type JmxArgument, type JmxCallOptions, type JmxConnection, type JmxValue, jmx } from "../jmx/jmx.ts";
import type { ImportOptions } from "../request/request.ts";
import { beans, importSignatures, operations } from "./mbeans.ts";

/** The identity, state and directories of the node. */
export interface NodeFacts {
  readonly clusterName: string;
  readonly hostId: string;
  readonly datacenter: string;
  readonly rack: string;
  readonly tokens: readonly string[];
  readonly schemaVersion: string;
  readonly releaseVersion: string;
  /** "NORMAL", "DRAINED", "JOINING" … */
  readonly operationMode: string;
  readonly dataDirectories: readonly string[];
  readonly commitLogDirectory: string;
  readonly keyspaces: readonly string[];
}

/** Whether the cluster, as this node sees it, can take a restore. */
export interface ClusterHealth {
  readonly operationMode: string;
  readonly unreachable: readonly string[];
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  readonly moving: readonly string[];
  /** Schema versions of the reachable nodes; more than one is a disagreement. */
  readonly schemaVersions: readonly string[];
}

export interface ClusterNode {
  readonly address: string;
  readonly hostId: string;
  readonly datacenter: string;
  readonly rack: string;
}

function unexpected(what: string, value: JmxValue | undefined): AppError {
  return new AppError("protocol", `Cassandra answered with an unexpected ${what}: ${typeof value}`, {
    hint: "esop supports Cassandra 4.0, 4.1 and 5.0",
  });
}

function text(value: JmxValue | undefined, what: string): string {
  if (typeof value !== "string") throw unexpected(what, value);
  return value;
}

function texts(value: JmxValue | undefined, what: string): string[] {
  if (!Array.isArray(value)) throw unexpected(what, value);
  return value.map((item) => text(item, what));
}

function textMap(value: JmxValue | undefined, what: string): Map<string, string> {
  if (!(value instanceof Map)) throw unexpected(what, value);
  return new Map([...value].map(([key, item]) => [text(key, what), text(item, what)]));
}

/** Typed calls to a running Cassandra node over JMX. */
export class CassandraNode {
  readonly #connection: JmxConnection;
  readonly #longCallTimeoutMs: number;

  /** `longCallTimeoutMs` bounds the calls that last as long as their work. */
  constructor(connection: JmxConnection, longCallTimeoutMs: number) {
    this.#connection = connection;
    this.#longCallTimeoutMs = longCallTimeoutMs;
  }

  async facts(options?: JmxCallOptions): Promise<NodeFacts> {
    const names = [
      "ClusterName",
      "LocalHostId",
      "Tokens",
      "SchemaVersion",
      "ReleaseVersion",
      "OperationMode",
      "AllDataFileLocations",
      "CommitLogLocation",
      "Keyspaces",
    ];
    const [service, snitch] = await Promise.all([
      this.#connection.getAttributes(beans.storageService, names, options),
      this.#connection.getAttributes(beans.snitch, ["Datacenter", "Rack"], options),
    ]);
    return {
      clusterName: text(service.get("ClusterName"), "cluster name"),
      hostId: text(service.get("LocalHostId"), "host ID"),
      datacenter: text(snitch.get("Datacenter"), "datacenter"),
      rack: text(snitch.get("Rack"), "rack"),
      tokens: texts(service.get("Tokens"), "list of tokens"),
      schemaVersion: text(service.get("SchemaVersion"), "schema version"),
      releaseVersion: text(service.get("ReleaseVersion"), "version"),
      operationMode: text(service.get("OperationMode"), "mode"),
      dataDirectories: texts(service.get("AllDataFileLocations"), "list of data directories"),
      commitLogDirectory: text(service.get("CommitLogLocation"), "commit log directory"),
      keyspaces: texts(service.get("Keyspaces"), "list of keyspaces"),
    };
  }

  async schemaVersion(options?: JmxCallOptions): Promise<string> {
    return text(await this.#connection.getAttribute(beans.storageService, "SchemaVersion", options), "schema version");
  }

  async operationMode(options?: JmxCallOptions): Promise<string> {
    return text(await this.#connection.getAttribute(beans.storageService, "OperationMode", options), "mode");
  }

  /** The clock of the node, in milliseconds since 1970: the start of its virtual machine plus its uptime. */
  async clockMs(options?: JmxCallOptions): Promise<number> {
    const values = await this.#connection.getAttributes(beans.runtime, ["StartTime", "Uptime"], options);
    const [start, uptime] = [values.get("StartTime"), values.get("Uptime")];
    if (typeof start !== "bigint" || typeof uptime !== "bigint") throw unexpected("start time", start);
    return Number(start + uptime);
  }

  async health(options?: JmxCallOptions): Promise<ClusterHealth> {
    const names = ["OperationMode", "UnreachableNodes", "JoiningNodes", "LeavingNodes", "MovingNodes"];
    const [service, versions] = await Promise.all([
      this.#connection.getAttributes(beans.storageService, names, options),
      this.#connection.getAttribute(beans.storageProxy, "SchemaVersions", options),
    ]);
    if (!(versions instanceof Map)) throw unexpected("map of schema versions", versions);
    return {
      operationMode: text(service.get("OperationMode"), "mode"),
      unreachable: texts(service.get("UnreachableNodes"), "list of nodes"),
      joining: texts(service.get("JoiningNodes"), "list of nodes"),
      leaving: texts(service.get("LeavingNodes"), "list of nodes"),
      moving: texts(service.get("MovingNodes"), "list of nodes"),
      schemaVersions: [...versions.keys()]
        .map((version) => text(version, "schema version"))
        .filter((version) => version !== "UNREACHABLE"),
    };
  }

  /** Every node of the cluster that gossip knows, with its place. */
  async topology(options?: JmxCallOptions): Promise<ClusterNode[]> {
    const hostIds = textMap(
      await this.#connection.getAttribute(beans.storageService, "EndpointToHostId", options),
      "map of host IDs",
    );
    const place = async (operation: { bean: string; name: string; signature: readonly string[] }, address: string) =>
      text(await this.#call(operation, [jmx.string(address)], options), operation.name);
    return Promise.all(
      [...hostIds].map(async ([address, hostId]) => ({
        address,
        hostId,
        datacenter: await place(operations.datacenterOf, address),
        rack: await place(operations.rackOf, address),
      })),
    );
  }

  /** The names of a keyspace's tables; none for a keyspace that does not exist or has no tables. */
  async tables(keyspace: string, options?: JmxCallOptions): Promise<string[]> {
    const names = await this.#connection.queryNames(beans.tablesOf(keyspace), options);
    return names.flatMap((name) => /(?:^|[:,])table=([^,]+)/.exec(name)?.[1] ?? []).sort();
  }

  /** Where a table's live SSTables are, one path for each data directory; `not-found` for an unknown table. */
  async dataPaths(keyspace: string, table: string, options?: JmxCallOptions): Promise<string[]> {
    return texts(
      await this.#connection.getAttribute(beans.table(keyspace, table), "DataPaths", options),
      "list of data paths",
    );
  }

  /** `entities`: none for all keyspaces, else "ks" or "ks.table". Memtables are flushed first. */
  async takeSnapshot(name: string, entities: readonly string[], options?: JmxCallOptions): Promise<void> {
    const args = [jmx.string(name), jmx.stringMap(new Map()), jmx.stringArray(entities)];
    await this.#call(operations.takeSnapshot, args, options);
  }

  /** A snapshot of keyspaces without a flush: of the SSTables and the schema only. */
  async takeSnapshotOfFiles(name: string, keyspaces: readonly string[], options?: JmxCallOptions): Promise<void> {
    const args = [jmx.string(name), jmx.stringMap({ skipFlush: "true" }), jmx.stringArray(keyspaces)];
    await this.#call(operations.takeSnapshot, args, options);
  }

  /** No error if there is no snapshot of that name. */
  async clearSnapshot(name: string, options?: JmxCallOptions): Promise<void> {
    await this.#call(operations.clearSnapshot, [jmx.string(name), jmx.stringArray([])], options);
  }

  /** Clears the snapshots of that name in one keyspace only. */
  async clearSnapshotOf(keyspace: string, name: string, options?: JmxCallOptions): Promise<void> {
    await this.#call(operations.clearSnapshot, [jmx.string(name), jmx.stringArray([keyspace])], options);
  }

  async flush(keyspace: string, tables: readonly string[], options?: JmxCallOptions): Promise<void> {
    await this.#call(operations.flush, [jmx.string(keyspace), jmx.stringArray(tables)], options);
  }

  /** Empties a table on every node of the cluster. */
  async truncate(keyspace: string, table: string, options?: JmxCallOptions): Promise<void> {
    await this.#call(operations.truncate, [jmx.string(keyspace), jmx.string(table)], options);
  }

  /** Takes up SSTables that were linked into the table's live directory. */
  async loadNewSSTables(keyspace: string, table: string, options?: JmxCallOptions): Promise<void> {
    await this.#call(operations.loadNewSSTables, [jmx.string(keyspace), jmx.string(table)], options);
  }

  /** Imports the SSTables lying in `directory`; with `copy` they stay there, else they are moved away. */
  async importSSTables(
    target: { readonly keyspace: string; readonly table: string },
    directory: string,
    how: ImportOptions & { readonly copy: boolean },
    options?: JmxCallOptions,
  ): Promise<void> {
    const bean = beans.table(target.keyspace, target.table);
    const { operations: offered } = await this.#connection.getMBeanInfo(bean, options);
    const signature = importSignatures.find((wanted) =>
      offered.some((o) => o.name === "importNewSSTables" && o.signature.join() === wanted.join()),
    );
    if (signature === undefined) {
      throw new AppError("unsupported", "this Cassandra cannot import SSTables", {
        hint: "restore with --restoration-strategy-type HARDLINKS",
      });
    }
    const flags = [
      !how.keepLevel,
      !how.keepRepaired,
      !how.noVerify && !how.quick,
      !how.noVerifyTokens && !how.quick,
      !how.noInvalidateCaches && !how.quick,
      how.extendedVerify && !how.quick,
      how.copy,
    ].slice(0, signature.length - 1);
    const args = [jmx.stringSet([directory]), ...flags.map((flag) => jmx.boolean(flag))];
    const operation = { bean, name: "importNewSSTables", signature };
    const failed = await this.#call(operation, args, options);
    if (Array.isArray(failed) && failed.length > 0) {
      throw new AppError(
        "node-refused",
        `Cassandra did not import ${directory} into ${target.keyspace}.${target.table}`,
        {
          hint: "its system.log says why; the downloaded files are still there",
        },
      );
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #call(
    operation: { readonly bean: string; readonly name: string; readonly signature: readonly string[] },
    args: readonly JmxArgument[],
    options: JmxCallOptions | undefined,
  ): Promise<JmxValue> {
    const bounded = { timeoutMs: this.#longCallTimeoutMs, ...options };
    try {
      return await this.#connection.invoke(operation.bean, operation.name, args, operation.signature, bounded);
    } catch (error) {
      if (!isAppError(error, "node-refused")) throw error;
      throw new AppError("node-refused", `Cassandra refused ${operation.name}: ${error.message}`, { cause: error });
    }
  }
}
