/** What an operator does to one test node from the command line, with a store of its own, and what is then on disk. */
import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { expect } from "vitest";
import { type ErrorCode, errorTable } from "../../src/errors.ts";
import type { CqlSession } from "../../src/sandbox/sandbox.ts";
import type { CassandraNode } from "./cassandra.ts";
import { type EsopOptions, type EsopRun, esop, esopOk } from "./esop.ts";

export type Report = Readonly<Record<string, unknown>>;

export interface Failure {
  readonly message: string;
  readonly hint: string;
}

export class Operator {
  readonly node: CassandraNode;
  /** The bucket's directory. */
  readonly bucket: string;
  readonly location: string;
  readonly hostId: string;
  readonly #cache: string;
  readonly #jmx: string;

  private constructor(node: CassandraNode, directory: string, hostId: string) {
    this.node = node;
    this.bucket = join(directory, "bucket");
    this.hostId = hostId;
    this.location = `file://${this.bucket}/sandbox/dc1/${hostId}`;
    this.#cache = join(directory, "cache");
    this.#jmx = `127.0.0.1:${node.sandbox.jmxPort}`;
  }

  /**
   * The node must run. Without `directory` the store goes when the test does. What restores of earlier tests were made
   * to leave beside the node's data directories goes now: the node is shared.
   */
  static async of(node: CassandraNode, directory?: string): Promise<Operator> {
    for (const dataDirectory of node.sandbox.dataDirectories) {
      await rm(join(dataDirectory, "..", "esop-restore"), { recursive: true, force: true });
    }
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    return new Operator(node, directory ?? (await node.temporaryDirectory()), String(rows[0]?.["host_id"]));
  }

  backup(tag: string, ...more: readonly string[]): Promise<Report> {
    return esopOk(...this.backupCommand(tag, ...more));
  }

  restore(tag: string, ...more: readonly string[]): Promise<Report> {
    return esopOk(...this.restoreCommand(tag, ...more));
  }

  backupCommand(tag: string, ...more: readonly string[]): string[] {
    return ["backup", "--snapshot-tag", tag, "--create-missing-bucket", ...this.#common(more)];
  }

  restoreCommand(tag: string, ...more: readonly string[]): string[] {
    const { configDirectory } = this.node.sandbox;
    return ["restore", "--snapshot-tag", tag, "--config-directory", configDirectory, ...this.#common(more)];
  }

  removeCommand(...more: readonly string[]): string[] {
    return ["remove-backup", "--storage-location", this.location, ...more];
  }

  #common(more: readonly string[]): string[] {
    const location = more.includes("--storage-location") ? [] : ["--storage-location", this.location];
    return [...location, "--jmx-service", this.#jmx, "--cache-dir", this.#cache, ...more];
  }

  /** The objects of the node's tables: key relative to the node, and size. */
  async objects(): Promise<Map<string, number>> {
    const root = join(this.bucket, "sandbox", "dc1", this.hostId);
    return new Map([...(await filesBelow(join(root, "data")))].map(([path, { length }]) => [`data/${path}`, length]));
  }

  objectPath(key: string): string {
    return join(this.bucket, "sandbox", "dc1", this.hostId, key);
  }

  /** The names of all snapshots on the node, whoever took them. */
  async snapshots(): Promise<string[]> {
    const names = new Set<string>();
    for (const directory of this.node.sandbox.dataDirectories) {
      for (const entry of await readdir(directory, { recursive: true })) {
        const name = /\/snapshots\/([^/]+)$/.exec(entry)?.[1];
        if (name !== undefined) names.add(name);
      }
    }
    return [...names].sort();
  }

  /** What restores have left beside or in the data directories. */
  async restoreLeftovers(): Promise<string[]> {
    const entries = await readdir(this.node.sandbox.directory, { recursive: true });
    return entries.filter((entry) => /(^|\/)esop-restore$|\.esop-part$/.test(entry));
  }

  /** Every file of a table's live directories with its content's hash, snapshots and set-aside files left out. */
  async liveFiles(keyspace: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const directory of this.node.sandbox.dataDirectories) {
      for (const [path, content] of await filesBelow(join(directory, keyspace))) {
        if (/(^|\/)(snapshots|backups)\//.test(path)) continue;
        found.set(join(directory, keyspace, path), createHash("sha256").update(content).digest("hex"));
      }
    }
    return found;
  }
}

/** Runs a command that must fail with the code; checks that it says so as an operator wants to hear it. */
export async function fails(code: ErrorCode, command: readonly string[], options?: EsopOptions): Promise<Failure> {
  const run = await esop([...command, "--json"], options);
  return failureOf(code, run);
}

export function failureOf(code: ErrorCode, run: EsopRun): Failure {
  const { message, hint = "" } = run.json;
  expect(run.json, run.stdout + run.stderr).toMatchObject({ type: "error", code, exit: errorTable[code].exit });
  expect(run.status).toBe(errorTable[code].exit);
  expect(message).toMatch(/^[^\n]*[^.\n]$/);
  return { message: String(message), hint: String(hint) };
}

/** The content of each file below a directory, by relative path; none where the directory is missing. */
export async function filesBelow(directory: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, Buffer>();
  for (const entry of entries.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    files.set(relative(directory, path), await readFile(path));
  }
  return files;
}

/** Rows `from` up to and without `to` of a table (k int PRIMARY KEY, v text). */
export async function fill(cql: CqlSession, table: string, from: number, to: number, text = "value"): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  for (let start = 0; start < numbers.length; start += 100) {
    const insert = (k: number) => cql.execute(`INSERT INTO ${table} (k, v) VALUES (?, ?)`, [k, `${text} ${k}`]);
    await Promise.all(numbers.slice(start, start + 100).map(insert));
  }
}

/** All rows of a table as text, in an order of their own. */
export async function rowsOf(cql: CqlSession, table: string): Promise<string[]> {
  const { rows } = await cql.execute(`SELECT * FROM ${table}`, [], { fetchSize: 50_000 });
  return rows.map((row) => JSON.stringify(row)).sort();
}

/** Creates a table (k int PRIMARY KEY, v text) and fills it with `rows` rows; gives "keyspace.table". */
export async function createTable(node: CassandraNode, keyspace: string, table: string, rows: number): Promise<string> {
  const name = `${keyspace}.${table}`;
  await node.cql.execute(`CREATE TABLE ${name} (k int PRIMARY KEY, v text)`);
  await fill(node.cql, name, 0, rows);
  return name;
}
