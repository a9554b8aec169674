/**
 * A fleet moves over: one repository in which the real Esop (Java) and ours back up one after the other. Neither sends
 * what the other has stored, ours restores, lists and removes Esop's backups, and one that Esop itself cannot restore
 * any more is refused before anything is touched.
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Manifest, manifestEntries } from "../../src/repository/repository.ts";
import { type CassandraNode, type NodeKind, useCassandra } from "../harness/cassandra.ts";
import { esopOk } from "../harness/esop.ts";
import { esopJar, jarBackup, jarRestoreCommand } from "../harness/esop-jar.ts";
import { fails, Operator, type Report } from "../harness/operator.ts";
import { createSampleTables, type SampleTables } from "../harness/sample-tables.ts";
import { disableCompaction, rewriteStatistics } from "../harness/storage-service.ts";
import { type StoredFile, storedFiles, storedManifest } from "../harness/stored-files.ts";

/** Without storage-attached indexes, whose empty components Esop 3.0.1 cannot read. */
const kind: NodeKind = { version: "5.0", clusterName: "compat" };

let node: CassandraNode;
let operator: Operator;
let tables: SampleTables;
let entities: readonly string[];
let history: History;

type Files = ReadonlyMap<string, StoredFile>;

/** What our backups reported, and what lay in the store after each backup. */
interface History {
  readonly reports: Readonly<Record<"ours2" | "ours3" | "ours6", Report>>;
  readonly after: Readonly<Record<"esop1" | "ours2" | "ours3" | "esop4" | "esop5" | "ours6", Files>>;
}

/** The stage of the tables that each backup holds. */
const stages = { esop1: 1, ours2: 1, ours3: 2, esop4: 2, esop5: 2, ours6: 2 } as const;
const newestFirst = ["ours6", "esop5", "esop4", "ours3", "ours2", "esop1"] as const;

beforeAll(async () => {
  node = await useCassandra(kind);
  operator = await Operator.of(node, await node.temporaryDirectory());
  tables = await createSampleTables(node, { sai: false });
  entities = ["--entities", tables.keyspace];
  await disableCompaction(node, tables.keyspace);
  history = await makeHistory();
});

async function makeHistory(): Promise<History> {
  const byEsop = async (tag: string, ...more: readonly string[]) => {
    const how = ["--create-missing-bucket", `--entities=${tables.keyspace}`, ...more];
    await jarBackup(node, operator.location, tag, ...how);
    return storedFiles(operator.objectPath(""));
  };
  const byOurs = async (tag: string) => {
    const report = await operator.backup(tag, ...entities);
    return { report, files: await storedFiles(operator.objectPath("")) };
  };
  const esop1 = await byEsop("esop1", "--uploadClusterTopology");
  const ours2 = await byOurs("ours2");
  await tables.write(2);
  const ours3 = await byOurs("ours3");
  const esop4 = await byEsop("esop4", "--hash-algorithm=CRC");
  await rewriteStatistics(node, tables.keyspace, "simple");
  const esop5 = await byEsop("esop5");
  const ours6 = await byOurs("ours6");
  return {
    reports: { ours2: ours2.report, ours3: ours3.report, ours6: ours6.report },
    after: { esop1, ours2: ours2.files, ours3: ours3.files, esop4, esop5, ours6: ours6.files },
  };
}

const manifestOf = (tag: keyof typeof stages) => storedManifest(operator.objectPath(""), tag);

function keysOf(manifest: Manifest): string[] {
  return [...manifestEntries(manifest)].map(({ objectKey }) => objectKey).sort();
}

describe("a backup of ours over Esop's", () => {
  it("sends nothing where nothing changed, and leaves Esop's objects as they are", async () => {
    const { reports, after } = history;
    expect(reports.ours2).toMatchObject({ sent: { files: 0, bytes: 0 }, kept: { files: after.esop1.size } });
    expect(after.ours2).toEqual(after.esop1);
    expect(keysOf(await manifestOf("ours2"))).toEqual(keysOf(await manifestOf("esop1")));
  });

  it("sends only what is new", () => {
    const { reports, after } = history;
    const added = after.ours3.size - after.ours2.size;
    expect(added).toBeGreaterThan(0);
    expect(reports.ours3).toMatchObject({ sent: { files: added }, kept: { files: after.ours2.size } });
    for (const [key, file] of after.ours2) expect(after.ours3.get(key)).toEqual(file);
  });
});

it("a backup of Esop over ours sends nothing where nothing changed", async () => {
  const { after } = history;
  // Esop renews the dates of what it finds.
  expect(withoutDates(after.esop4)).toEqual(withoutDates(after.ours3));
  expect(keysOf(await manifestOf("esop4"))).toEqual(keysOf(await manifestOf("ours3")));
});

function withoutDates(files: Files) {
  return new Map([...files].map(([key, { inode, sha256 }]) => [key, { inode, sha256 }]));
}

describe("a component rewritten in place between two backups of Esop", () => {
  const wrongEntry = async () => {
    const claimed = [...manifestEntries(await manifestOf("esop5"))];
    const wrong = claimed.filter(({ objectKey, hash }) => history.after.esop5.get(objectKey)?.sha256 !== hash);
    expect(wrong.map(({ objectKey }) => objectKey.split("/").at(-1)?.replace(/\d+/, "N"))).toContain(
      "nb-N-big-Statistics.db",
    );
    return wrong.map(({ objectKey }) => objectKey);
  };

  it("makes a backup that Esop cannot restore", async () => {
    const wrong = await wrongEntry();
    const how = ["--restoration-strategy-type=IMPORT", "--restoration-phase-type=download"];
    const downloads = `--import-source-dir=${join(await node.temporaryDirectory(), "downloads")}`;
    const what = [`--entities=${tables.keyspace}`, downloads];
    const { status, output } = await esopJar(...jarRestoreCommand(node, operator.location, "esop5", ...what, ...how));
    expect(status).toBe(1);
    expect(output).toContain("Unable to download files successfully");
    expect(wrong.some((key) => output.includes(key))).toBe(true);
  });

  it("makes a backup that ours refuses before anything is touched", async () => {
    const wrong = await wrongEntry();
    await operator.restore("ours3", ...entities);
    const before = await operator.liveFiles(tables.keyspace);
    const snapshots = await operator.snapshots();
    const { message, hint } = await fails("corrupt", operator.restoreCommand("esop5", ...entities));
    expect(wrong.some((key) => message.includes(key))).toBe(true);
    expect(hint).toContain("restore from another backup");
    expect(await operator.liveFiles(tables.keyspace)).toEqual(before);
    expect(await operator.snapshots()).toEqual(snapshots);
    await tables.expectRows(2);
  });

  it("goes under a key of its own in our next backup, which sends nothing else", async () => {
    const wrong = await wrongEntry();
    const { reports, after } = history;
    expect(reports.ours6).toMatchObject({ sent: { files: wrong.length } });
    const added = [...after.ours6.keys()].filter((key) => !after.esop5.has(key));
    expect(added.map((key) => key.replace(/-[0-9a-f]{16}\//, "/")).sort()).toEqual(wrong.sort());
    for (const { objectKey, hash } of manifestEntries(await manifestOf("ours6"))) {
      expect(after.ours6.get(objectKey)?.sha256).toBe(hash);
    }
  });
});

describe("ours restores", () => {
  it.each([
    ["esop1", "IMPORT"],
    ["esop1", "HARDLINKS"],
    ["esop4", "IMPORT"],
    ["ours6", "IMPORT"],
  ] as const)("%s by %s", async (tag, strategy) => {
    await tables.destroy();
    await operator.restore(tag, ...entities, "--restoration-strategy-type", strategy);
    await tables.expectRows(stages[tag]);
  });

  it("esop1, finding the node's host ID in Esop's topology file", async () => {
    const named = operator.location.replace(operator.hostId, node.sandbox.address);
    const how = ["--storage-location", named, "--resolve-host-id-from-topology", "--dry-run"];
    const { snapshot } = await manifestOf("esop1");
    expect(await operator.restore("esop1", ...entities, ...how)).toMatchObject({ backup: snapshot.name });
    await fails("not-found", operator.restoreCommand("ours3", ...entities, ...how));
  });

  it("esop4, whose hashes are CRC-32, IN_PLACE", async () => {
    const hashes = [...manifestEntries(await manifestOf("esop4"))].map(({ hash }) => String(hash));
    expect(hashes.filter((hash) => !/^\d+$/.test(hash))).toEqual([]);
    await tables.destroy();
    await node.stop();
    await operator.restore("esop4", ...entities, "--restoration-strategy-type", "IN_PLACE");
    await node.start();
    await tables.expectRows(2);
    const cleanup = ["--restoration-strategy-type", "IN_PLACE", "--restoration-phase-type", "cleanup"];
    await operator.restore("esop4", ...entities, ...cleanup);
  });
});

it("ours lists Esop's backups beside its own", async () => {
  const listed = await esopOk("list", "--storage-location", operator.location);
  const expected = await Promise.all(
    newestFirst.map(async (tag) => {
      const { snapshot, size } = await manifestOf(tag);
      const files = keysOf(await manifestOf(tag)).length;
      return expect.objectContaining({ name: snapshot.name, tag, tables: tables.names.length, files, bytes: size });
    }),
  );
  expect(listed).toMatchObject({ nodes: [{ backups: expected, total: { backups: newestFirst.length } }] });
});

it("ours removes Esop's backups, and keeps what others use", async () => {
  const copy = await node.temporaryDirectory();
  await cp(operator.bucket, join(copy, "bucket"), { recursive: true });
  const other = await Operator.of(node, copy);
  const directory = other.objectPath("");
  const remove = (tag: string) => esopOk(...other.removeCommand("--backup-name", tag));
  expect(await remove("esop1")).toMatchObject({ removed: [{ objects: 0 }] });
  for (const tag of ["ours2", "ours3", "esop4", "esop5"]) await remove(tag);
  expect([...(await storedFiles(directory)).keys()].sort()).toEqual(keysOf(await storedManifest(directory, "ours6")));
  await remove("ours6");
  expect((await storedFiles(directory)).size).toBe(0);
});
