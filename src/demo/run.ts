/**
 * A demonstration that proves what it shows: a real node of its own, the verbs that the commands run, and every row
 * compared. Whatever ends it, the node is stopped and everything it made is deleted, unless it
 * came to its end and was told to keep them.
 */
import { join } from "node:path";
import { type AppContext, type AppVerb, type Reports, run } from "../app/app.ts";
import { connectNode, type NodeFacts } from "../cassandra/cassandra.ts";
import { AppError, throwIfAborted, toAppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { silentProgress } from "../progress.ts";
import { type JmxSettings, parseStorageLocation } from "../request/request.ts";
import { type CqlSession, connectCql, createSandbox, type Sandbox } from "../sandbox/sandbox.ts";
import { formatFiles } from "../units.ts";
import { commandLine, type Flags, requestWithLine } from "./command-line.ts";
import type { DemoRequest } from "./request.ts";
import {
  addToShop,
  compareShops,
  createShop,
  type Difference,
  damageShop,
  isDifferent,
  readShop,
  type ShopContent,
  shopKeyspace,
  shopTables,
} from "./shop.ts";
import { makeWorkDirectory, type WorkDirectory } from "./work-directory.ts";

export interface DemoDependencies extends AppContext {
  /** Called as each step ends. */
  onStep(step: DemoStep): void;
}

export interface DemoStep {
  /** The step, as one clause. */
  readonly title: string;
  readonly durationMs: number;
  /** The command line that does the same. */
  readonly command?: string;
  readonly details: readonly string[];
}

export interface DemoReport {
  readonly version: string;
  /** The backup that was restored. */
  readonly backup: string;
  readonly tables: number;
  /** Rows that were compared, each of them equal. */
  readonly rows: number;
  readonly durationMs: number;
  /** What --keep left behind. */
  readonly kept: KeptDemo | undefined;
}

export interface KeptDemo {
  readonly directory: string;
  readonly pid: number;
  readonly location: string;
  readonly address: string;
  readonly cqlPort: number;
  readonly jmxPort: number;
  readonly configDirectory: string;
  /** How to go on: what it is for, and the command line. */
  readonly next: readonly { readonly says: string; readonly command: string }[];
}

/** Throws `not-found` for a missing Java or Maven, `corrupt` if a row did not come back, and as the recipes do. */
export async function runDemo(request: DemoRequest, dependencies: DemoDependencies): Promise<DemoReport> {
  const workDirectory = await makeWorkDirectory(request.directory, dependencies.environment);
  let done = false;
  let sandbox: Sandbox | undefined;
  try {
    // A path that cannot be part of a location is refused before anything is started.
    parseStorageLocation(`file://${workDirectory.path}/backups/c/dc/node`);
    const startedMs = dependencies.clock.monotonic();
    const steps = new Steps(dependencies);
    sandbox = await prepare(request, workDirectory, dependencies, steps);
    const report = await showAll(await startNode(sandbox, steps, dependencies), workDirectory, steps, dependencies);
    throwIfAborted(dependencies.signal);
    done = true;
    const kept = request.keep ? keep(sandbox, workDirectory, report.location) : undefined;
    const { location: _, ...rest } = report;
    return { ...rest, durationMs: dependencies.clock.monotonic() - startedMs, kept };
  } finally {
    if (!done || !request.keep) {
      await sandbox?.stop("KILL");
      await workDirectory.remove();
    }
  }
}

/** Times each step and tells of it. */
class Steps {
  readonly #dependencies: DemoDependencies;

  constructor(dependencies: DemoDependencies) {
    this.#dependencies = dependencies;
  }

  async run<T>(work: () => Promise<T>, tell: (result: T) => Omit<DemoStep, "durationMs">): Promise<T> {
    const { clock, signal, onStep } = this.#dependencies;
    throwIfAborted(signal);
    const startedMs = clock.monotonic();
    const result = await work();
    onStep({ durationMs: clock.monotonic() - startedMs, ...tell(result) });
    return result;
  }
}

function prepare(request: DemoRequest, workDirectory: WorkDirectory, dependencies: DemoDependencies, steps: Steps) {
  const { environment, log, signal } = dependencies;
  return steps.run(
    () =>
      createSandbox({
        version: "5.0",
        directory: join(workDirectory.path, "node"),
        cacheDirectory: request.cacheDir,
        clusterName: "demo",
        releasable: request.keep,
        environment: { ...environment },
        log: (line) => log.info(line),
        signal,
      }),
    ({ fullVersion }) => ({
      title: `prepared a node of Cassandra ${fullVersion}`,
      details: [`in ${workDirectory.path}, Cassandra itself from ${request.cacheDir}`],
    }),
  );
}

function startNode(sandbox: Sandbox, steps: Steps, { signal }: DemoDependencies): Promise<Sandbox> {
  const start = async () => {
    try {
      await sandbox.start({ signal });
    } catch (error) {
      const { code, message } = toAppError(error);
      if (code !== "node-state") throw error;
      throw new AppError(code, message, { hint: "its logs are deleted with the rest of the demo", cause: error });
    }
    return sandbox;
  };
  return steps.run(start, ({ address, cqlPort, jmxPort, pid }) => ({
    title: "started the node",
    details: [`process ${pid}, CQL on ${address}:${cqlPort}, JMX on 127.0.0.1:${jmxPort}`],
  }));
}

/** The resources of the steps. */
interface Scene {
  readonly sandbox: Sandbox;
  readonly cql: CqlSession;
  readonly steps: Steps;
  readonly where: Flags;
  readonly home: string;
  readonly dependencies: DemoDependencies;
}

async function showAll(sandbox: Sandbox, workDirectory: WorkDirectory, steps: Steps, dependencies: DemoDependencies) {
  const { path: home } = workDirectory;
  await using cql = await connectCql({ address: sandbox.address, port: sandbox.cqlPort });
  const service = `127.0.0.1:${sandbox.jmxPort}`;
  const { request } = requestWithLine("check", { "storage-location": "file:///unused", "jmx-service": service }, home);
  const { datacenter, hostId } = await factsOf(request.jmx, dependencies.signal);
  // In full, so that nothing is guessed from the length of the path.
  const location = `file://${home}/backups/demo/${datacenter}/${hostId}`;
  const where = { "storage-location": location, "jmx-service": service };
  const report = await show({ sandbox, cql, steps, where, home, dependencies });
  return { ...report, version: sandbox.fullVersion, location };
}

async function factsOf(jmx: JmxSettings, signal: AbortSignal): Promise<NodeFacts> {
  const node = await connectNode(jmx, { longCallTimeoutMs: 60_000, signal });
  try {
    return await node.facts({ signal });
  } finally {
    await node.close();
  }
}

async function show(scene: Scene): Promise<Pick<DemoReport, "backup" | "tables" | "rows">> {
  const { cql, sandbox, steps } = scene;
  const { signal } = scene.dependencies;
  await steps.run(
    async () => {
      await createShop(cql, sandbox.datacenter, signal);
      return readShop(cql, signal);
    },
    (content) => ({ title: `wrote ${rowsOf(content)} rows`, details: describeTables(content) }),
  );
  await backUp(scene, "monday", { "create-missing-bucket": true });
  const before = await steps.run(
    async () => ({ added: await addToShop(cql, signal), content: await readShop(cql, signal) }),
    ({ added, content }) => ({
      title: `wrote ${added} more rows, and read all ${rowsOf(content)} for the comparison`,
      details: [],
    }),
  );
  const { name } = await backUp(scene, "tuesday", {});
  await steps.run(
    () => damageShop(cql, signal),
    (details) => ({ title: "damaged the tables", details }),
  );
  await bringBack(scene, "tuesday");
  await steps.run(
    async () => requireEqual(compareShops(before.content, await readShop(cql, signal))),
    (differences) => ({ title: "compared every row", details: differences.map(describeDifference) }),
  );
  return { backup: name, tables: shopTables.length, rows: rowsOf(before.content) };
}

function backUp(scene: Scene, tag: string, more: Flags) {
  return carryOut(scene, "backup", { "snapshot-tag": tag, entities: shopKeyspace, ...more }, (report) => {
    if (report.kind === "plan") throw new AppError("internal", "the demo asks for no plan");
    const { name, sent, kept } = report;
    return {
      name,
      title: kept.files === 0 ? "backed up" : "backed up again, only new files",
      details: [`uploaded ${formatFiles(sent)}, ${formatFiles(kept)} already stored`],
    };
  });
}

function bringBack(scene: Scene, tag: string) {
  const flags = { "snapshot-tag": tag, entities: shopKeyspace };
  return carryOut(scene, "restore", flags, ({ fetched, tables, strategy }) => ({
    title: "restored while the node is running",
    details: [`downloaded and verified ${formatFiles(fetched)}, then replaced ${tables} tables (strategy ${strategy})`],
  }));
}

/** Runs a verb as its command would, and tells of it with the command line. */
async function carryOut<Name extends AppVerb, Told extends Pick<DemoStep, "title" | "details">>(
  { steps, where, home, dependencies }: Scene,
  verb: Name,
  flags: Flags,
  tell: (report: Reports[Name]) => Told,
): Promise<Told> {
  const { request, line } = requestWithLine(verb, { ...where, ...flags }, home);
  const context = { ...dependencies, log: quieter(dependencies.log), progress: silentProgress };
  return steps.run(
    async () => tell(await run(verb, request, context)),
    ({ title, details }) => ({ title, details, command: line }),
  );
}

/** The steps say what matters; what the recipes say of themselves is for --debug. */
function quieter(log: Logger): Logger {
  return {
    debug: (message) => log.debug(message),
    info: (message) => log.debug(message),
    warn: (message) => log.warn(message),
  };
}

function isTable(name: string): boolean {
  return name.startsWith(`${shopKeyspace}.`);
}

function rowsOf(content: ShopContent): number {
  return [...content].reduce((sum, [name, rows]) => sum + (isTable(name) ? rows.size : 0), 0);
}

function describeTables(content: ShopContent): string[] {
  return [...content].map(([name, rows]) => `${name}: ${rows.size} rows${isTable(name) ? "" : " found by one value"}`);
}

function describeDifference({ name, rows, missing, changed, unexpected }: Difference): string {
  return `${name}: ${rows} rows, ${missing} missing, ${changed} changed, ${unexpected} too many`;
}

function requireEqual(differences: readonly Difference[]): readonly Difference[] {
  const different = differences.filter(isDifferent);
  if (different.length === 0) return differences;
  throw new AppError("corrupt", `the restored data differs: ${different.map(describeDifference).join("; ")}`, {
    hint: "this is a defect of esop, please report it",
  });
}

function keep(sandbox: Sandbox, { path }: WorkDirectory, location: string): KeptDemo {
  const { pid, address, cqlPort, jmxPort, configDirectory } = sandbox;
  if (pid === undefined) throw new AppError("node-state", "the node ended by itself");
  sandbox.release();
  const store = { "storage-location": location };
  const both = { ...store, "jmx-service": `127.0.0.1:${jmxPort}` };
  return {
    directory: path,
    pid,
    location,
    address,
    cqlPort,
    jmxPort,
    configDirectory,
    next: [
      { says: "list the backups", command: commandLine("list", { ...store, "human-units": true }) },
      { says: "check that this machine can back up and restore", command: commandLine("check", both) },
      { says: "back up all keyspaces", command: commandLine("backup", { ...both, "snapshot-tag": "wednesday" }) },
      {
        says: "restore one table",
        command: commandLine("restore", { ...both, "snapshot-tag": "monday", entities: `${shopKeyspace}.orders` }),
      },
      { says: "stop the node and delete everything", command: `kill -9 ${pid} && rm -r ${path}` },
    ],
  };
}
