/**
 * Backing up one node. The recipe:
 *
 *   ask the node who it is, check what can be checked -> hold the node -> clear leftovers -> snapshot, in one schema version
 *   -> plan (the snapshot's files minus what one listing of the repository shows) -> send what is missing, each file read
 *   once -> renew what is old -> list once more, and send again what has vanished -> manifest, the commit point -> clear
 *   the snapshot
 *
 * Whatever ends a run midway, the repository holds complete objects and no manifest, and the next run sends the rest.
 */
import { type CassandraNode, checkDataDirectories, type NodeFacts } from "../cassandra/cassandra.ts";
import type { Clock } from "../clock.ts";
import { forEachConcurrently, type RateLimit, rateLimit, unlimited, withDeadline } from "../concurrency/concurrency.ts";
import type { BackupEncryptor, Keys } from "../encryption/encryption.ts";
import { AppError, isAppError } from "../errors.ts";
import { joinBelow } from "../files/files.ts";
import type { Logger } from "../log.ts";
import { acquireLock, dataLockFiles, repositoryLockName } from "../operation/operation.ts";
import type { Progress } from "../progress.ts";
import { backupName, dataPrefix, EarlierBackups, NodeRepository, type TopologyFile } from "../repository/repository.ts";
import { type BackupRequest, completeLocation, defaultSnapshotTag, type Entities } from "../request/request.ts";
import type { ObjectInfo, Storage } from "../storage/storage.ts";
import { fileSource, HashThreads, hashFile, hashStream, type UploadOptions, upload } from "../transfer/transfer.ts";
import { formatCount } from "../units.ts";
import { checkMode, type ExpectedTables, expectedTables } from "./check-node.ts";
import { chooseEncryption } from "./choose-encryption.ts";
import { HashRecord } from "./hash-record.ts";
import { knownObjects } from "./known-hashes.ts";
import { readLocalTables } from "./local-files.ts";
import type { LocalTable } from "./local-table.ts";
import { checkManifestSize, newManifest } from "./new-manifest.ts";
import { type BackupPlan, type PlannedFile, planBackup } from "./plan.ts";
import { clearLeftovers, snapshotName, withSnapshot } from "./snapshot.ts";
import { vanishedFiles } from "./vanished.ts";

export interface BackupDependencies {
  readonly storage: Storage;
  readonly node: CassandraNode;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface BackupReport {
  readonly name: string;
  /** Where in the store: the node's prefix. */
  readonly location: string;
  readonly sent: { readonly files: number; readonly bytes: number };
  readonly kept: { readonly files: number; readonly bytes: number };
  /** Objects whose modification date was renewed. */
  readonly refreshed: number;
  readonly tables: number;
  readonly durationMs: number;
}

/** What all steps of one run share. */
interface Run extends BackupDependencies {
  readonly request: BackupRequest;
  readonly facts: NodeFacts;
  readonly dataDirectories: readonly string[];
  readonly expected: ExpectedTables;
  readonly repository: NodeRepository;
  readonly earlier: EarlierBackups;
  readonly record: HashRecord;
  /** Undefined for a backup in the clear. */
  readonly encryptor: BackupEncryptor | undefined;
}

/** Everything that can be wrong before the node or the repository is touched is found here. */
async function prepare(request: BackupRequest, dependencies: BackupDependencies): Promise<Run> {
  const { storage, node, keys, log, signal } = dependencies;
  const facts = await node.facts({ signal });
  checkMode(facts, log);
  const expected = await expectedTables(node, facts, request.entities, signal);
  const dataDirectories = await checkDataDirectories(request.dataDirs, facts);
  const path = completeLocation(request.storageLocation, facts).node;
  const repository = new NodeRepository(storage, path, log);
  const earlier = new EarlierBackups(repository);
  const exists = request.skipBucketVerification || (await storage.bucketExists({ signal }));
  if (!exists && !request.createMissingBucket) {
    throw new AppError("not-found", `there is no ${storage.description}`, {
      hint: "check --storage-location, or give --create-missing-bucket to have it made",
    });
  }
  if (exists && path.node !== facts.hostId) await refuseForeignPlace(repository, earlier, facts, dependencies);
  checkNames(request, repository, facts, dependencies.clock.now());
  const encryptor = await chooseEncryption({ request, repository, earlier, exists, keys, log, signal });
  const record = await HashRecord.load(joinBelow(request.cacheDir, "hashes", `${facts.hostId}.json`), log);
  return { ...dependencies, request, facts, dataDirectories, expected, repository, earlier, record, encryptor };
}

const longestDirectoryNameBytes = 255;

/** Throws `usage` where the tag makes a name that is too long for the node's file system or for the store. */
function checkNames(request: BackupRequest, repository: NodeRepository, facts: NodeFacts, nowMs: number): void {
  const tag = request.snapshotTag ?? defaultSnapshotTag(nowMs);
  repository.checkName(backupName(tag, facts.schemaVersion, nowMs));
  const bytes = Buffer.byteLength(snapshotName(tag));
  if (bytes <= longestDirectoryNameBytes) return;
  throw new AppError("usage", `the snapshot would have a name of ${bytes} bytes, and 255 is the limit`, {
    hint: "give a shorter --snapshot-tag",
  });
}

/**
 * A place that is not named after the node's host ID may be another node's by mistake, and the removal of either's
 * backups would then take the other's for its own. Tokens tell two nodes apart.
 */
async function refuseForeignPlace(
  { description }: NodeRepository,
  earlier: EarlierBackups,
  facts: NodeFacts,
  { log, signal }: BackupDependencies,
): Promise<void> {
  const tokens = await newestTokens(earlier, log, signal);
  if (tokens === undefined || tokens.toSorted().join() === facts.tokens.toSorted().join()) return;
  throw new AppError("usage", `${description} holds backups of a node with other tokens`, {
    hint: `give each node a place of its own: let the location end with this node's host ID, ${facts.hostId}`,
  });
}

/** Of the newest backup whose manifest can be read. */
async function newestTokens(earlier: EarlierBackups, log: Logger, signal: AbortSignal) {
  for (const { name } of await earlier.list(signal)) {
    try {
      return (await earlier.read(name, signal, () => false)).manifest.tokens;
    } catch (error) {
      if (!isAppError(error, "corrupt") && !isAppError(error, "not-found")) throw error;
      log.warn(`passed over an earlier backup: ${error.message}`);
    }
  }
  return undefined;
}

/** Backs up the node; the report is of what was done. */
export async function backup(request: BackupRequest, dependencies: BackupDependencies): Promise<BackupReport> {
  const { clock, log, node, storage } = dependencies;
  const startedMs = clock.monotonic();
  using signal = withDeadline(request.timeoutMs, dependencies.signal, "the backup");
  const run = await prepare(request, { ...dependencies, signal });
  const { repository } = run;
  await using _locks = await lockNode(run);
  if (request.createMissingBucket) await storage.createBucket({ signal });
  await run.encryptor?.commit();
  await clearLeftovers(node, run.dataDirectories, log, signal);

  const takenMs = clock.now();
  const tag = request.snapshotTag ?? defaultSnapshotTag(takenMs);
  const snapshot = { name: snapshotName(tag), entities: request.entities, log, signal };
  const report = await withSnapshot(node, snapshot, async ({ facts, tables: expected }) => {
    const name = backupName(tag, facts.schemaVersion, takenMs);
    log.info(`backing up node ${facts.hostId} (Cassandra ${facts.releaseVersion}) as ${name.text}`);
    const tables = await readLocalTables({ ...sourceOf(run, expected), source: { snapshot: snapshot.name } });
    checkComplete(tables, expected);
    const plan = await makePlan(tables, run);
    const topology = request.uploadClusterTopology ? await topologyOf(run, facts, takenMs) : undefined;
    checkManifestSize(plan, name, facts, run.encryptor?.kmsKeyId);
    const hashes = await sendMissing(plan, run);
    const refreshed = await renewOld(plan, hashes, run);
    if (!request.skipRefreshing) await run.encryptor?.renew();
    await sendVanished(plan, hashes, run);
    await repository.writeManifest(name, newManifest(plan, hashes, name, facts, run.encryptor?.kmsKeyId), signal);
    if (topology !== undefined) await repository.writeTopology(name, topology, signal);
    return { name: name.text, sent: plan.send, kept: plan.keep, refreshed, tables: tables.length };
  });
  await run.record.save();
  return { location: repository.description, ...report, durationMs: clock.monotonic() - startedMs };
}

/**
 * Excludes other backups of the node, whose snapshots this one would clear, and everything else that changes the node's
 * part of the repository.
 */
async function lockNode({ request, facts, dataDirectories, clock, log }: Run): Promise<AsyncDisposable> {
  const { cacheDir } = request;
  const location = completeLocation(request.storageLocation, facts);
  const names = [`esop/backup/${facts.hostId}`, await repositoryLockName(location)];
  const shared = await dataLockFiles(dataDirectories, "backup");
  await using stack = new AsyncDisposableStack();
  for (const [index, name] of names.entries()) {
    const files = index === 0 ? shared : [];
    const subject = index === 0 ? `node ${facts.hostId}` : `the repository of node ${location.node.node}`;
    stack.use(await acquireLock({ name, subject, verb: "backup", cacheDir, files, clock, log }));
  }
  return stack.move();
}

/** What a backup would do now, from the live directories: nothing is flushed, snapshotted or written. */
export async function planOnly(request: BackupRequest, dependencies: BackupDependencies): Promise<BackupPlan> {
  using signal = withDeadline(request.timeoutMs, dependencies.signal, "the plan");
  const run = await prepare(request, { ...dependencies, signal });
  return makePlan(await readLocalTables({ ...sourceOf(run, run.expected), source: "live" }), run);
}

function sourceOf({ dataDirectories, signal }: Run, expected: ExpectedTables) {
  const wanted = (keyspace: string, table: string) => expected.get(keyspace)?.includes(table) === true;
  return { dataDirectories, wanted, signal };
}

/** Every table that the node says it has must have been in the snapshot, or the data directories are not all there. */
function checkComplete(tables: readonly LocalTable[], expected: ExpectedTables): void {
  const found = new Set(tables.map(({ keyspace, table }) => `${keyspace}.${table}`));
  for (const [keyspace, names] of expected) {
    const missing = names.find((table) => !found.has(`${keyspace}.${table}`));
    if (missing === undefined) continue;
    throw new AppError("not-found", `the snapshot of ${keyspace}.${missing} is in none of the data directories`, {
      hint: "check --data-dir and that nothing clears the node's snapshots meanwhile, then run the backup again",
    });
  }
}

async function makePlan(tables: readonly LocalTable[], run: Run): Promise<BackupPlan> {
  const { request, repository, earlier, record, encryptor, log, signal } = run;
  const ids = new Set(tables.map(({ keyspace, table, tableId }) => `${keyspace}/${table}-${tableId}`));
  const stored = new Map<string, { sizeBytes: number; modifiedMs: number }>();
  for await (const { key, sizeBytes, modifiedMs } of listStored(run)) {
    const [, keyspace = "", directory = ""] = key.split("/", 3);
    if (ids.has(`${keyspace}/${directory}`)) stored.set(key, { sizeBytes, modifiedMs });
  }
  const plan = await planBackup(tables, {
    algorithm: request.hashAlgorithm,
    encryptor: encryptor?.encryptor,
    stored: (key) => stored.get(key),
    known: (keys) => knownObjects(earlier, keys, log, signal),
    hashLocal: async (file, algorithm) => {
      const remembered = algorithm === "SHA-256" ? record.get(file) : undefined;
      if (remembered !== undefined) return remembered;
      const hash = await hashFile(file.path, algorithm, { signal });
      if (algorithm === "SHA-256") record.set(file, hash);
      return hash;
    },
    hashStored: async (key, algorithm) => {
      const stored = await repository.storage.get(repository.key(key), { signal });
      if (encryptor === undefined) return hashStream(stored, algorithm, { signal });
      try {
        return await hashStream(await encryptor.decrypt(stored, key), algorithm, { signal });
      } catch (error) {
        if (!isAppError(error, "corrupt")) throw error;
        return undefined;
      }
    },
    signal,
  });
  for (const { files } of plan.tables) for (const { objectKey } of files) repository.checkDataKey(objectKey);
  return plan;
}

async function* listStored({ request, repository, signal }: Run): AsyncGenerator<ObjectInfo> {
  for (const prefix of listedPrefixes(request.entities)) yield* repository.listData(prefix, signal);
}

/** The fewest listings that show everything the backup may find stored. */
function listedPrefixes(entities: Entities): readonly string[] {
  switch (entities.kind) {
    case "all":
      return [dataPrefix];
    case "keyspaces":
      return entities.keyspaces.map((keyspace) => `${dataPrefix}${keyspace}/`);
    case "tables":
      return entities.tables.map(({ keyspace, table }) => `${dataPrefix}${keyspace}/${table}-`);
  }
}

/** The tighter of the bandwidth and what `--duration` asks for. */
function pace(plan: BackupPlan, { request, clock }: Run): RateLimit {
  const spread =
    request.durationMs === undefined ? Number.POSITIVE_INFINITY : plan.send.bytes / (request.durationMs / 1000);
  const bytesPerSecond = Math.min(request.bandwidthBytesPerSecond ?? Number.POSITIVE_INFINITY, spread);
  return Number.isFinite(bytesPerSecond) && bytesPerSecond > 0 ? rateLimit(bytesPerSecond, clock) : unlimited;
}

/** Sends what the plan says; gives the manifest hashes learned on the way, by object key. */
async function sendMissing(plan: BackupPlan, run: Run): Promise<Map<string, string | null>> {
  const { request, progress, signal } = run;
  const files = plan.tables.flatMap((table) => table.files.filter(({ action }) => action === "send"));
  // The largest first, so that the end of a run is not one long file alone.
  files.sort((a, b) => b.local.sizeBytes - a.local.sizeBytes);
  await using threads = new HashThreads();
  const how = { rateLimit: pace(plan, run), threads };
  const hashes = new Map<string, string | null>();
  const totalBytes = files.reduce((sum, { local }) => sum + local.sizeBytes, 0);
  progress.start({ label: "backing up", totalBytes, totalFiles: files.length });
  try {
    await forEachConcurrently(
      files,
      request.concurrentConnections,
      async (file, signal) => {
        hashes.set(file.objectKey, await sendFile(file, { ...run, signal }, how));
        progress.fileDone();
      },
      { signal },
    );
  } finally {
    progress.done();
  }
  return hashes;
}

type SendHow = Pick<UploadOptions, "rateLimit" | "threads">;

async function sendFile(file: PlannedFile, run: Run, how: SendHow = {}): Promise<string | null> {
  const { repository, request, encryptor, progress, record, signal } = run;
  const { local, contentSha256, objectKey } = file;
  const algorithm = contentSha256 === undefined ? request.hashAlgorithm : "SHA-256";
  const source = await fileSource(local.path, local.sizeBytes);
  const { hash } = await upload(repository.storage, repository.key(objectKey), source, {
    algorithm,
    encrypt: encryptor === undefined ? undefined : { encryptor: encryptor.encryptor, objectKey },
    ...how,
    signal,
    onBytes: (bytes) => progress.add(bytes),
  });
  if (contentSha256 !== undefined && hash !== contentSha256) {
    throw new AppError("io", `${local.path} changed while it was read`, { hint: "run the backup again" });
  }
  if (algorithm === "SHA-256" && hash !== undefined) record.set(local, hash);
  if (algorithm === request.hashAlgorithm) return hash ?? null;
  return request.hashAlgorithm === "NONE" ? null : hashFile(local.path, request.hashAlgorithm, { signal });
}

/**
 * Renews the modification date of stored objects older than asked, so that a bucket's lifecycle rule expires only what
 * no recent backup uses. One that has just expired, or that the store cannot renew, is sent again. Gives the number of renewed objects.
 */
async function renewOld(plan: BackupPlan, hashes: Map<string, string | null>, run: Run): Promise<number> {
  const { request, repository, clock, signal } = run;
  if (request.skipRefreshing) return 0;
  const oldestMs = clock.now() - request.refreshOlderThanMs;
  const old = plan.tables.flatMap(({ files }) =>
    files.filter(({ action, storedModifiedMs }) => action === "keep" && (storedModifiedMs ?? 0) <= oldestMs),
  );
  await forEachConcurrently(
    old,
    request.concurrentConnections,
    async (file, signal) => {
      try {
        await repository.storage.refresh(repository.key(file.objectKey), { signal });
      } catch (error) {
        if (!isAppError(error, "not-found") && !isAppError(error, "unsupported")) throw error;
        hashes.set(file.objectKey, await sendFile(file, { ...run, signal }));
      }
    },
    { signal },
  );
  return old.length;
}

/**
 * A manifest must never name an object that is missing. So everything is looked for in a new listing, since locks do not
 * exclude removals on other machines, and what has vanished is sent again. Throws `storage` where it vanishes once more.
 */
async function sendVanished(plan: BackupPlan, hashes: Map<string, string | null>, run: Run): Promise<void> {
  const { request, repository, log, signal } = run;
  const vanished = await vanishedFiles(plan, listStored(run));
  if (vanished.length === 0) return;
  const objects = `${formatCount(vanished.length, "object")} of this backup vanished from ${repository.description}`;
  log.warn(`${objects} since the backup began; uploading again`);
  await forEachConcurrently(
    vanished,
    request.concurrentConnections,
    async (file, signal) => {
      hashes.set(file.objectKey, await sendFile(file, { ...run, signal }));
    },
    { signal },
  );
  const again = await vanishedFiles(plan, listStored(run));
  if (again.length === 0) return;
  throw new AppError(
    "storage",
    `${formatCount(again.length, "object")} of this backup vanished from ${repository.description} twice`,
    {
      hint: "find out what deletes objects there (a removal on another machine, a lifecycle rule), then run the backup again",
      retryable: false,
    },
  );
}

async function topologyOf({ node, signal }: Run, facts: NodeFacts, timestamp: number): Promise<TopologyFile> {
  const nodes = await node.topology({ signal });
  return {
    timestamp,
    clusterName: facts.clusterName,
    schemaVersion: facts.schemaVersion,
    topology: nodes.map(({ address, hostId, datacenter, rack }) => ({
      hostname: address,
      cluster: facts.clusterName,
      dc: datacenter,
      rack,
      nodeId: hostId,
      ipAddress: address,
    })),
  };
}
