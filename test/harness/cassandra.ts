/**
 * Real Cassandra nodes for the integration tests. At most one runs at a time; test files share it as long as they ask
 * for the same kind, which is what makes them fast. All files of the project run in one process (vitest.config.ts).
 */
import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { type CassandraVersion, type CqlSession, connectCql } from "../../src/sandbox/sandbox.ts";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../src/sandbox/start.ts";
import type {} from "./run-directory.ts";

/** What makes two nodes different; tests that ask for the same get the same node. */
export type NodeKind = { readonly version: CassandraVersion } & Pick<
  SandboxOptions,
  "sstableFormat" | "dataDirectories" | "numTokens" | "heapMiB" | "yaml" | "jvmArguments" | "clusterName"
>;

export interface CassandraNode {
  readonly sandbox: Sandbox;
  /** Open while the node runs; a new one after each start, so it should not be kept across a stop. */
  readonly cql: CqlSession;
  /** Does nothing when the node runs. Stops whichever other node runs. */
  start(): Promise<void>;
  stop(how?: "TERM" | "KILL"): Promise<void>;
  restart(how?: "TERM" | "KILL"): Promise<void>;
  /** Creates a keyspace of its own for the test (one replica) and gives its name. */
  keyspace(): Promise<string>;
  /** An empty directory on the node's file system: removed when the test ends, or with the run when made in a hook. */
  temporaryDirectory(): Promise<string>;
}

/** Where fetched jars are kept between runs. */
export function cacheDirectory(): string {
  const { ESOP_TEST_CACHE_DIR: configured } = process.env;
  return configured ?? join(homedir(), ".cache", "esop");
}

/** The running node of that kind, booted or booted again when it does not run. Its data is shared with other tests. */
export async function useCassandra(kind: NodeKind): Promise<CassandraNode> {
  const key = JSON.stringify(kind);
  const node = shared.get(key) ?? (await createNode(kind, await directoryFor("shared")));
  shared.set(key, node);
  await node.start();
  return node;
}

/**
 * A node of the test's own, not started, with nothing in it; `await using` ends and wipes it. While it runs the shared
 * one is stopped.
 */
export async function freshNode(kind: NodeKind): Promise<CassandraNode & AsyncDisposable> {
  const directory = await directoryFor("fresh");
  const node = await createNode(kind, directory);
  return Object.assign(node, {
    async [Symbol.asyncDispose]() {
      await node.stop("KILL");
      await rm(directory, { recursive: true, force: true });
    },
  });
}

/** Stops whichever node runs, for a test that starts one by other means. */
export async function stopNodes(): Promise<void> {
  await running?.stop();
}

const shared = new Map<string, CassandraNode>();
let running: CassandraNode | undefined;
let keyspaces = 0;

async function createNode(kind: NodeKind, directory: string): Promise<CassandraNode> {
  const sandbox = await createSandbox({
    ...kind,
    directory,
    cacheDirectory: cacheDirectory(),
    environment: process.env,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  return new OneNode(sandbox);
}

class OneNode implements CassandraNode {
  readonly sandbox: Sandbox;
  #cql: CqlSession | undefined;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  get cql(): CqlSession {
    if (this.#cql === undefined) throw new Error("the node does not run");
    return this.#cql;
  }

  async start(): Promise<void> {
    if (running !== this) await running?.stop();
    if (this.sandbox.pid !== undefined && this.#cql !== undefined) return;
    await this.#cql?.close();
    running = this;
    await this.sandbox.start();
    this.#cql = await connectCql({ address: this.sandbox.address, port: this.sandbox.cqlPort });
  }

  async stop(how?: "TERM" | "KILL"): Promise<void> {
    await this.#cql?.close();
    this.#cql = undefined;
    await this.sandbox.stop(how);
    if (running === this) running = undefined;
  }

  async restart(how?: "TERM" | "KILL"): Promise<void> {
    await this.stop(how);
    await this.start();
  }

  async keyspace(): Promise<string> {
    keyspaces += 1;
    const name = `test_${keyspaces}_${randomUUID().slice(0, 8)}`;
    await this.cql.execute(
      `CREATE KEYSPACE ${name} WITH replication = {'class': 'NetworkTopologyStrategy', '${this.sandbox.datacenter}': 1}`,
    );
    return name;
  }

  async temporaryDirectory(): Promise<string> {
    const directory = await directoryFor("temporary");
    try {
      onTestFinished(() => rm(directory, { recursive: true, force: true }));
    } catch {
      // Not inside a test: the directory goes with the run.
    }
    return directory;
  }
}

async function directoryFor(purpose: string): Promise<string> {
  const directory = join(inject("runDirectory"), `${purpose}-${randomUUID().slice(0, 8)}`);
  await mkdir(directory);
  return directory;
}

/** The runner ends its worker with SIGTERM, which runs no exit handler: the node ends here, and at once. */
process.once("SIGTERM", () => {
  const end = () => process.kill(process.pid, "SIGKILL");
  (running?.sandbox.stop("KILL") ?? Promise.resolve()).then(end, end);
});
