/**
 * Whether this machine can back up and restore, found out before it matters. The door of this folder. Every check that
 * can run does, whatever the others found; nothing is changed, and what is written to look is deleted again.
 */
import { type CassandraNode, connectNode, type NodeFacts } from "../cassandra/cassandra.ts";
import type { Clock } from "../clock.ts";
import type { Keys } from "../encryption/encryption.ts";
import { silentLogger } from "../log.ts";
import { NodeRepository } from "../repository/repository.ts";
import { type CheckRequest, completeLocation, type LocationNode } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import {
  checkImportPlace,
  checkRoom,
  type DataDirectories,
  describeDataDirectories,
  importPlace,
  readDataDirectories,
} from "./directories.ts";
import { checkEncryption } from "./encryption.ts";
import { type Finding, find, type Passed } from "./finding.ts";
import { checkNodeClock, checkRights, checkState, checkVersion } from "./node.ts";
import { checkBucket, checkStoreClock, describeProbe, type Probe, probeStore } from "./store.ts";

export type { Finding } from "./finding.ts";

export interface CheckDependencies {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly keys: Keys;
  openStorage(): Promise<Storage>;
  /** Called with each finding as soon as it is there. */
  onFinding(finding: Finding): void;
}

/** A call that lasts longer than this would not let a backup live either. */
const callTimeoutMs = 60_000;

/** Gives all findings, in the order they were told. Throws only `cancelled`. */
export async function check(request: CheckRequest, dependencies: CheckDependencies): Promise<readonly Finding[]> {
  const checks = new Checks(dependencies);
  const facts = request.skipNode ? undefined : await checkNode(request, dependencies, checks);
  await checkStore(request, facts, dependencies, checks);
  return checks.findings;
}

/** Collects and tells what is found. */
class Checks {
  readonly findings: Finding[] = [];
  readonly #dependencies: CheckDependencies;

  constructor(dependencies: CheckDependencies) {
    this.#dependencies = dependencies;
  }

  /** Gives what `look` found for the checks that build on it; undefined if it failed. */
  async run<T>(name: string, look: () => Promise<T>, tell: (result: T) => Passed | undefined): Promise<T | undefined> {
    let result: T | undefined;
    const finding = await find(name, this.#dependencies.signal, async () => {
      const found = await look();
      result = found;
      return tell(found);
    });
    if (finding === undefined) return result;
    this.findings.push(finding);
    this.#dependencies.onFinding(finding);
    return result;
  }

  async pass(name: string, look: () => Promise<Passed | undefined>): Promise<void> {
    await this.run(name, look, (passed) => passed);
  }
}

async function checkNode(
  { jmx, dataDirs, importSourceDir }: CheckRequest,
  { clock, signal }: CheckDependencies,
  checks: Checks,
): Promise<NodeFacts | undefined> {
  const node = await checks.run(
    "JMX",
    () => connectNode(jmx, { longCallTimeoutMs: callTimeoutMs, signal }),
    () => ({ says: `${jmx.service} answers` }),
  );
  if (node === undefined) return undefined;
  try {
    const facts = await checks.run(
      "node",
      () => node.facts({ signal }),
      ({ clusterName, datacenter, hostId }) => ({ says: `${hostId} of ${datacenter} in cluster '${clusterName}'` }),
    );
    await checks.pass("JMX rights", () => checkRights(node, signal));
    if (facts !== undefined) await checkFacts(node, facts, { clock, signal }, checks);
    const data =
      facts === undefined
        ? undefined
        : await checks.run(
            "data directories",
            () => readDataDirectories(dataDirs, facts, signal),
            describeDataDirectories,
          );
    if (data !== undefined) await checkPlace(data, importSourceDir, checks);
    return facts;
  } finally {
    await node.close();
  }
}

async function checkFacts(
  node: CassandraNode,
  facts: NodeFacts,
  { clock, signal }: Pick<CheckDependencies, "clock" | "signal">,
  checks: Checks,
): Promise<void> {
  await checks.pass("version", async () => checkVersion(facts));
  await checks.pass("state", () => checkState(node, facts, signal));
  await checks.pass("node's clock", () => checkNodeClock(node, clock, signal));
}

async function checkPlace(data: DataDirectories, given: string | undefined, checks: Checks): Promise<void> {
  const place = await importPlace(data, given);
  await checks.pass("import directory", () => checkImportPlace(place, data));
  await checks.pass("free space", () => checkRoom(place, data));
}

async function checkStore(
  request: CheckRequest,
  facts: NodeFacts | undefined,
  { openStorage, keys, clock, signal }: CheckDependencies,
  checks: Checks,
): Promise<void> {
  let node: LocationNode | undefined = request.storageLocation.node;
  await checks.pass("location", async () => {
    node ??= facts === undefined ? undefined : completeLocation(request.storageLocation, facts).node;
    return describeLocation(node, facts);
  });
  let storage: Storage | undefined;
  try {
    const bucket = await checks.run(
      "bucket",
      async () => {
        storage = await openStorage();
        return { storage, passed: await checkBucket(storage, signal) };
      },
      ({ passed }) => passed,
    );
    if (bucket === undefined) return;
    const probe: Probe | undefined = await checks.run(
      "store",
      () => probeStore(bucket.storage, node, clock, signal),
      () => describeProbe(bucket.storage),
    );
    if (probe !== undefined) await checks.pass("store's clock", async () => checkStoreClock(probe));
    if (node === undefined) return;
    const repository = new NodeRepository(bucket.storage, node, silentLogger);
    await checks.pass("encryption", () => checkEncryption(repository, keys, signal));
  } finally {
    await storage?.close();
  }
}

const hostIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function describeLocation(node: LocationNode | undefined, facts: NodeFacts | undefined): Passed {
  if (node === undefined) {
    return { says: "only the bucket is named, and no node is there to tell the rest", warning: true };
  }
  const says = `backups lie under ${node.cluster}/${node.datacenter}/${node.node}`;
  if (facts === undefined || node.node === facts.hostId || !hostIdPattern.test(node.node)) return { says };
  return {
    says: `${says}, the host ID of another node`,
    warning: true,
    hint: `this node's is ${facts.hostId}; name only the bucket to have the rest filled in`,
  };
}
