/**
 * Restoring one node from a backup. The door of this folder: finds the backup, the tables and the strategy, then hands
 * over to the recipe of a running node (live.ts) or of a stopped one (in-place.ts).
 */

import { type CassandraNode, checkDataDirectories, type NodeFacts } from "../cassandra/cassandra.ts";
import { unlimited, withDeadline } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { acquireLock, dataLockFiles } from "../operation/operation.ts";
import { findNewestBackup, manifestFiles, NodeRepository, readTopologyFiles } from "../repository/repository.ts";
import { checkStrategy, completeLocation, type RestoreRequest } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { formatCount } from "../units.ts";
import type { FetchReport, RestoreDependencies, RestoreReport, RestoreRun, Strategy } from "./context.ts";
import { gcGraceWarning } from "./gc-grace.ts";
import { cleanUpInPlace, restoreInPlace } from "./in-place/in-place.ts";
import { stoppedNode } from "./in-place/stopped-node.ts";
import { restoreLive } from "./live/live.ts";
import { openBackup, withFileSizes } from "./open-backup.ts";
import { selectTables } from "./select-tables.ts";

export async function restore(request: RestoreRequest, dependencies: RestoreDependencies): Promise<RestoreReport> {
  const { node, clock, log } = dependencies;
  const startedMs = clock.monotonic();
  using signal = withDeadline(request.timeoutMs, dependencies.signal, "the restore");
  const facts = await node?.facts({ signal });
  const strategy = chooseStrategy(request, facts, log);
  const run = await prepare(request, { ...dependencies, signal }, facts);
  log.info(`restoring ${formatCount(run.selected.length, "table")} of ${run.backup.text}, strategy ${strategy}`);
  return {
    ...(await carryOut(run, strategy, node, facts)),
    backup: run.backup.text,
    strategy,
    phase: request.phase ?? "all",
    tables: run.selected.length,
    durationMs: clock.monotonic() - startedMs,
  };
}

async function carryOut(
  run: RestoreRun,
  strategy: Strategy,
  node: CassandraNode | undefined,
  facts: NodeFacts | undefined,
): Promise<FetchReport & Pick<RestoreReport, "next">> {
  const { request } = run;
  if (strategy !== "IN_PLACE" && node !== undefined && facts !== undefined) {
    await using _lock = await lockNode(run, facts.hostId, run.dataDirectories);
    return { ...(await restoreLive(run, node, facts, { strategy, phase: request.phase })), next: [] };
  }
  if (request.phase === "cleanup") {
    await using _lock = await lockNode(run, facts?.hostId ?? "", run.dataDirectories);
    return await cleanUpInPlace(run, node, facts?.operationMode);
  }
  const stopped = await stoppedNode(request);
  await using _lock = await lockNode(run, stopped.commitLogDirectory, stopped.dataDirectories);
  return await restoreInPlace(run, stopped);
}

/**
 * Excludes other restores of the node, which would take the files of this one for theirs; a dry run changes nothing. `node` is the host ID, or the
 * commit log directory of a stopped node; the data directories are the same for both.
 */
async function lockNode(run: RestoreRun, node: string, dataDirectories: readonly string[]): Promise<AsyncDisposable> {
  const { request, clock, log } = run;
  const name = `esop/restore/${node}`;
  const { cacheDir, dryRun } = request;
  if (dryRun) return { [Symbol.asyncDispose]: async () => undefined };
  const files = await dataLockFiles(dataDirectories, "restore");
  return acquireLock({ name, subject: "this node", verb: "restore", cacheDir, files, clock, log });
}

/** The strategy asked for, if the node's state allows it; else the one that fits the state, said aloud. */
function chooseStrategy(request: RestoreRequest, facts: NodeFacts | undefined, log: Logger): Strategy {
  const { strategy } = request;
  if (strategy === undefined) {
    const chosen = facts === undefined ? "IN_PLACE" : "IMPORT";
    checkStrategy(request, chosen);
    log.info(`the node is ${facts === undefined ? "down" : "up"}: restoring with strategy ${chosen}`);
    return chosen;
  }
  if (strategy !== "IN_PLACE" && facts === undefined) {
    throw new AppError("unreachable", `nothing listens at the node's JMX address; ${strategy} needs a running node`, {
      hint: "start the node, or check --jmx-service, or restore IN_PLACE",
    });
  }
  if (strategy === "IN_PLACE" && facts !== undefined && request.phase !== "cleanup") {
    throw new AppError("node-state", "the node is running; IN_PLACE replaces the files of a stopped node", {
      hint: "stop it first, or restore with --restoration-strategy-type IMPORT",
    });
  }
  return strategy;
}

async function prepare(
  request: RestoreRequest,
  dependencies: Omit<RestoreDependencies, "node">,
  facts: NodeFacts | undefined,
): Promise<RestoreRun> {
  const { storage, keys, log, signal } = dependencies;
  if (!request.skipBucketVerification && !(await storage.bucketExists({ signal }))) {
    throw new AppError("not-found", `there is no ${storage.description}`, { hint: "check --storage-location" });
  }
  if (request.exactSchemaVersion && request.schemaVersion === undefined && facts === undefined) {
    throw new AppError("usage", "the node is down, so its schema version cannot be asked for", {
      hint: "give the one that is meant with --schema-version",
    });
  }
  const repository = new NodeRepository(storage, await nodePath(request, facts, storage, signal), log);
  const stored = await repository.listBackups(signal);
  const exact = request.exactSchemaVersion ? facts?.schemaVersion : undefined;
  const { backup, older } = findNewestBackup(
    stored.map(({ name }) => name),
    request.snapshotTag,
    { where: repository.description, schemaVersion: request.schemaVersion ?? exact },
  );
  if (older.length > 0) {
    log.warn(`'${request.snapshotTag}' means ${older.length + 1} backups; taking the newest, ${backup.text}`);
  }
  const manifest = await repository.readManifest(backup, signal);
  const selected = selectTables(manifest, request);
  const { createdMs } = backup;
  const warning = gcGraceWarning({ request, selected, createdMs, nowMs: dependencies.clock.now() });
  if (warning !== undefined) log.warn(warning);
  const names = new Set(selected.map(({ keyspace, table }) => `${keyspace}.${table}`));
  const files = (wanted?: (keyspace: string, table: string) => boolean) =>
    manifestFiles(
      manifest,
      (keyspace, table) => names.has(`${keyspace}.${table}`) && wanted?.(keyspace, table) !== false,
    );
  const decrypt = await openBackup({ request, repository, backup, files: files(), keys, log, signal });
  const dataDirectories = facts === undefined ? request.dataDirs : await checkDataDirectories(request.dataDirs, facts);
  return {
    ...dependencies,
    request,
    repository,
    backup,
    manifest,
    selected,
    files: (wanted) => withFileSizes(files(wanted)),
    dataDirectories,
    rateLimit: unlimited,
    decrypt,
  };
}

/**
 * Where the node's backups lie. A location of only a bucket is completed from the running node; with
 * `--resolve-host-id-from-topology` its last part is a host name or address, and the topology file knows the host ID.
 */
async function nodePath(request: RestoreRequest, facts: NodeFacts | undefined, storage: Storage, signal: AbortSignal) {
  const { storageLocation: location } = request;
  if (location.node === undefined && facts === undefined) {
    throw new AppError("usage", "the storage location does not say whose backup to restore, and the node is down", {
      hint: "give it in full: protocol://bucket/cluster/datacenter/node",
    });
  }
  const path = location.node ?? (facts === undefined ? undefined : completeLocation(location, facts).node);
  if (path === undefined) throw new AppError("internal", "no node in the storage location");
  if (!request.resolveHostIdFromTopology) return path;
  for (const { topology } of await readTopologyFiles(storage, request.snapshotTag, signal)) {
    const found = topology.find(({ hostname, ipAddress }) => hostname === path.node || ipAddress === path.node);
    if (found !== undefined) return { ...path, node: found.nodeId };
  }
  throw new AppError("not-found", `no topology file of '${request.snapshotTag}' knows a node '${path.node}'`, {
    hint: "give the node's host ID as the last part of --storage-location",
  });
}
