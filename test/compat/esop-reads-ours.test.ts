/** A fleet may go back: the real Esop (Java) lists, restores and removes what we backed up. */
import { randomBytes } from "node:crypto";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Manifest, type ManifestFile, manifestFiles } from "../../src/repository/repository.ts";
import { type CassandraNode, freshNode, type NodeKind, useCassandra } from "../harness/cassandra.ts";
import { esopJarOk, jarList, jarRestoreCommand } from "../harness/esop-jar.ts";
import { Operator } from "../harness/operator.ts";
import { createSampleTables, type SampleTables } from "../harness/sample-tables.ts";
import { rewriteStatistics } from "../harness/storage-service.ts";
import { sha256Of, storedFiles, storedManifest } from "../harness/stored-files.ts";

/** Nodes without storage-attached indexes, whose empty components Esop 3.0.1 cannot read. */
const current: NodeKind = { version: "5.0", clusterName: "compat" };
const oldest: NodeKind = { version: "4.0", clusterName: "compat" };

it("restores by IMPORT and IN_PLACE a backup with components under content keys, and removes it", async () => {
  const node = await useCassandra(current);
  const operator = await Operator.of(node);
  const tables = await createSampleTables(node, { sai: false });
  const first = await operator.backup("first");
  for (const table of ["simple", "indexed"]) await rewriteStatistics(node, tables.keyspace, table);
  await tables.write(2);
  const directory = operator.objectPath("");
  const former = [...manifestFiles(await storedManifest(directory, "first"))];
  const ofPeople = former.filter(({ path }) => path.table === "people");
  // As long as what Esop 4 has encrypted, which is left alone: all of the SSTable goes under keys of its content.
  for (const { entry } of ofPeople) await appendFile(join(directory, entry.objectKey), Buffer.alloc(16));
  const second = await operator.backup("second");
  const manifest = await storedManifest(directory, "second");
  const rewritten = contentKeys(manifest);
  expect(ofPeople.length).toBeGreaterThan(0);
  const tablesOf = rewritten.map(({ path }) => path.table).sort();
  expect(tablesOf).toEqual(["indexed", ...ofPeople.map(() => "people"), "simple"]);
  expect(manifest.snapshot.keyspaces[tables.keyspace]?.tables["untouched"]).toMatchObject({ sstables: {} });

  const cache = await node.temporaryDirectory();
  const listed = await jarList(operator.location, cache);
  expect(listed).toMatchObject([
    { name: second["name"], ...asListed(manifest) },
    { name: first["name"], ...asListed(await storedManifest(directory, "first")) },
  ]);

  await importWithJar(node, operator, "second", tables);
  await tables.expectRows(2);

  await node.stop();
  await using replacement = await freshNode(current);
  await restoreWholeNode(replacement, operator, "second");
  await expectFiles(replacement, rewritten);
  await replacement.start();
  await tables.expectRows(2, replacement.cql);
  await replacement.stop();

  const name = `--backup-name=${second["name"]}`;
  await esopJarOk("remove-backup", name, `--storage-location=${operator.location}`, `--cache-dir=${cache}`);
  const left = [...manifestFiles(await storedManifest(directory, "first"))].map(({ entry }) => entry.objectKey);
  expect([...(await storedFiles(directory)).keys()].sort()).toEqual(left.sort());
  await expect(storedManifest(directory, "second")).rejects.toThrow("not one manifest of 'second'");
});

it("restores IN_PLACE a whole 4.0 node, whose system tables come without a schema", async () => {
  const node = await useCassandra(oldest);
  const operator = await Operator.of(node);
  const tables = await createSampleTables(node);
  await operator.backup("whole");
  const manifest = await storedManifest(operator.objectPath(""), "whole");
  const system = Object.values(manifest.snapshot.keyspaces["system"]?.tables ?? {});
  expect(system.some(({ schemaContent }) => schemaContent === undefined)).toBe(true);
  await node.stop("KILL");
  await using replacement = await freshNode(oldest);
  await restoreWholeNode(replacement, operator, "whole");
  await replacement.start();
  await tables.expectRows(1, replacement.cql);
  await replacement.stop();
});

it("lists encrypted backups beside plain ones", async () => {
  const node = await useCassandra(current);
  const operator = await Operator.of(node);
  const { keyspace } = await createSampleTables(node, { sai: false });
  const directory = await node.temporaryDirectory();
  const keyFile = join(directory, "key");
  await writeFile(keyFile, randomBytes(32));
  const plain = await operator.backup("plain", "--entities", keyspace);
  const encrypted = await operator.backup(
    "encrypted",
    "--entities",
    keyspace,
    "--encrypt",
    "--encryption-key-file",
    keyFile,
  );
  const manifestOf = (tag: string) => storedManifest(operator.objectPath(""), tag);
  const listed = await jarList(operator.location, join(directory, "cache"));
  expect(listed).toMatchObject([
    { name: encrypted["name"], ...asListed(await manifestOf("encrypted")) },
    { name: plain["name"], ...asListed(await manifestOf("plain")) },
  ]);
});

/** Empties the tables, then has Esop restore them phase by phase. */
async function importWithJar(node: CassandraNode, { location }: Operator, tag: string, tables: SampleTables) {
  await tables.destroy();
  const downloads = join(await node.temporaryDirectory(), "downloads");
  const how = ["--restoration-strategy-type=IMPORT", `--import-source-dir=${downloads}`];
  const restore = jarRestoreCommand(node, location, tag, `--entities=${tables.keyspace}`, ...how);
  for (const phase of ["init", "download", "truncate", "import", "cleanup"]) {
    await esopJarOk(...restore, `--restoration-phase-type=${phase}`);
  }
}

/** Esop's IN_PLACE deletes all that is not in the backup, so it is given an empty node and a backup of everything. */
async function restoreWholeNode(node: CassandraNode, { location }: Operator, tag: string): Promise<void> {
  const how = ["--restoration-strategy-type=IN_PLACE", "--restore-system-keyspace"];
  await esopJarOk(...jarRestoreCommand(node, location, tag, ...how));
}

/** What stands under a key of its own, because it was stored with another content before. */
function contentKeys(manifest: Manifest): ManifestFile[] {
  return [...manifestFiles(manifest)].filter(({ path }) => /-[0-9a-f]{16}$/.test(path.version));
}

function asListed(manifest: Manifest) {
  return { files: [...manifestFiles(manifest)].length, size: manifest.size };
}

/** The files lie in the node's data directory with the manifest's content. */
async function expectFiles({ sandbox }: CassandraNode, files: readonly ManifestFile[]): Promise<void> {
  const [dataDirectory = ""] = sandbox.dataDirectories;
  for (const { entry, path } of files) {
    const local = join(dataDirectory, path.keyspace, `${path.table}-${path.tableId}`, path.index ?? "", path.file);
    expect(await sha256Of(local)).toBe(entry.hash);
  }
}
