/**
 * Whether this machine can back up and restore, found out before it matters. Every check that can run does, whatever the
 * others found; nothing is changed, and the objects that are written for the check are deleted.
 */
import type { CassandraNode, NodeFacts } from "../cassandra/cassandra.ts";
import type { Keys } from "../encryption/encryption.ts";
import { silentLogger } from "../log.ts";
import { isHostId, NodeRepository } from "../repository/repository.ts";
import { type CheckRequest, completeLocation, type LocationNode } from "../request/request.ts";
import {
  checkImportPlace,
  checkRoom,
  type DataDirectories,
  describeDataDirectories,
  importPlace,
  readDataDirectories,
} from "./directories.ts";
import { checkEncryption } from "./encryption.ts";
import { Checks, type ChecksDependencies, type Finding, type Passed } from "./finding.ts";
import { checkLevel } from "./level.ts";
import { checkNodeClock, checkRights, checkState, checkVersion } from "./node.ts";
import { checkStoreClock, probePassed, probeStore, type StoreDependencies, withBucket } from "./store.ts";

/** Whoever opens node and store closes them. */
export interface CheckDependencies extends ChecksDependencies, StoreDependencies {
  readonly keys: Keys;
  openNode(): Promise<CassandraNode>;
}

/** Gives all findings, in the order they were told. Throws only `cancelled`. */
export async function check(request: CheckRequest, dependencies: CheckDependencies): Promise<readonly Finding[]> {
  const checks = new Checks(dependencies);
  const facts = request.skipNode ? undefined : await checkNode(request, dependencies, checks);
  await checkStore(request, facts, dependencies, checks);
  return checks.findings;
}

async function checkNode(
  { jmx, dataDirs, importSourceDir }: CheckRequest,
  { clock, signal, openNode }: CheckDependencies,
  checks: Checks,
): Promise<NodeFacts | undefined> {
  const node = await checks.run("JMX", openNode, () => ({ says: `connected to ${jmx.service}` }));
  if (node === undefined) return undefined;
  const facts = await checks.run(
    "node",
    () => node.facts({ signal }),
    ({ clusterName, datacenter, hostId }) => ({
      says: `host ID ${hostId}, datacenter ${datacenter}, cluster '${clusterName}'`,
    }),
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
  dependencies: CheckDependencies,
  checks: Checks,
): Promise<void> {
  let node: LocationNode | undefined = request.storageLocation.node;
  await checks.pass("location", async () => {
    node ??= facts === undefined ? undefined : completeLocation(request.storageLocation, facts).node;
    return describeLocation(node, facts);
  });
  await withBucket(dependencies, checks, async (storage) => {
    const { clock, signal } = dependencies;
    const timing = await checks.run(
      "store",
      () => probeStore(storage, { node, clock, signal }),
      () => probePassed,
    );
    if (timing !== undefined) await checks.pass("store's clock", async () => checkStoreClock(timing));
    if (timing !== undefined) {
      await checks.pass("repository", () => checkLevel(request.storageLocation, node, storage, signal));
    }
    if (node === undefined) return;
    const repository = new NodeRepository(storage, node, silentLogger);
    await checks.pass("encryption", () => checkEncryption(repository, dependencies.keys, signal));
  });
}

function describeLocation(node: LocationNode | undefined, facts: NodeFacts | undefined): Passed {
  if (node === undefined) {
    return { says: "the location names only a bucket; cluster, datacenter and node are unknown", warning: true };
  }
  const says = `backups are stored below ${node.cluster}/${node.datacenter}/${node.node}`;
  if (!isHostId(node.node)) return { says: `${says}; '${node.node}' is not a host ID` };
  if (facts === undefined || node.node === facts.hostId) return { says };
  return {
    says: `${says}, which is the host ID of another node`,
    warning: true,
    hint: `the host ID of this node is ${facts.hostId}; a location that names only the bucket selects this node`,
  };
}
