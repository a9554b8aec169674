/** Tables without data, dropped, made again, spread over directories: files go where the node reads them, or nowhere. */

import { chown, lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { esop } from "../../harness/esop.ts";
import { createTable, fails, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { patient } from "../../harness/patience.ts";
import { requestOf } from "../../harness/request-of.ts";
import { usual } from "./kinds.ts";

async function prepare() {
  const node = await useCassandra(usual);
  return { node, operator: await Operator.of(node), keyspace: await node.keyspace() };
}

const cleanup = ["--restoration-phase-type", "cleanup"];
const inPlace = ["--restoration-strategy-type", "IN_PLACE"];

describe("nothing to back up", () => {
  it("is a backup of a keyspace without tables that says so, and of a table without rows that empties it", async () => {
    const { node, operator, keyspace } = await prepare();
    expect(await operator.backup("bare", "--entities", keyspace)).toMatchObject({ tables: 0, sent: { files: 0 } });
    await fails("not-found", operator.restoreCommand("bare", "--entities", keyspace));
    const table = await createTable(node, keyspace, "empty", 0);
    expect(await operator.backup("empty", "--entities", keyspace)).toMatchObject({ tables: 1, sent: { files: 0 } });
    for (const strategy of ["IMPORT", "HARDLINKS"]) {
      await fill(node.cql, table, 0, 10);
      await operator.restore("empty", "--entities", keyspace, "--restoration-strategy-type", strategy);
      expect(await rowsOf(node.cql, table)).toEqual([]);
    }
  });
});

describe("tables that were dropped since the backup", () => {
  it("and made again get the rows under their new id, by whichever strategy", async () => {
    const { node, operator, keyspace } = await prepare();
    const names = ["filled", "empty"] as const;
    const expected = new Map<string, string[]>();
    const bare = await createTable(node, keyspace, "bare", 0);
    for (const name of names) expected.set(name, await rowsOf(node.cql, await createTable(node, keyspace, name, 50)));
    await operator.backup("base", "--entities", keyspace);
    const again = async () => {
      for (const name of names) {
        await node.cql.execute(`DROP TABLE ${keyspace}.${name}`);
        await createTable(node, keyspace, name, name === "filled" ? 5 : 0);
      }
    };
    const expectRows = async () => {
      for (const name of names) expect(await rowsOf(node.cql, `${keyspace}.${name}`)).toEqual(expected.get(name));
    };
    for (const strategy of ["IMPORT", "HARDLINKS"]) {
      await again();
      await operator.restore("base", "--entities", keyspace, "--restoration-strategy-type", strategy);
      await expectRows();
    }
    await again();
    await fill(node.cql, bare, 0, 10);
    await node.stop();
    await operator.restore("base", "--entities", keyspace, ...inPlace);
    await node.start();
    await expectRows();
    expect(await rowsOf(node.cql, bare)).toEqual([]);
    await operator.restore("base", "--entities", keyspace, ...inPlace, ...cleanup);
  });

  it("and not made again are refused, or where nothing tells it, warned of and not called restored", async () => {
    const { node, operator, keyspace } = await prepare();
    const dropped = await createTable(node, keyspace, "dropped", 50);
    const forgotten = await createTable(node, keyspace, "forgotten", 50);
    const kept = await createTable(node, keyspace, "kept", 50);
    await operator.backup("base", "--entities", keyspace);
    for (const table of [dropped, forgotten]) await node.cql.execute(`DROP TABLE ${table}`);
    // Clearing the snapshot of a drop takes away the sign that the table is no more.
    await clearDroppedSnapshots(node, keyspace, "forgotten");
    const command = operator.restoreCommand("base", "--entities", dropped, "--restoration-strategy-type", "IMPORT");
    expect((await fails("not-found", command)).hint).toContain("create it");
    await node.stop();
    const before = await operator.liveFiles(keyspace);
    await fails("node-state", operator.restoreCommand("base", "--entities", dropped, ...inPlace));
    await fails("node-state", operator.restoreCommand("base", "--entities", keyspace, ...inPlace));
    expect(await operator.liveFiles(keyspace)).toEqual(before);
    // A stopped node cannot be asked for its schema version.
    const exactly = ["--entities", kept, ...inPlace, "--exact-schema-version"];
    const exact = await fails("usage", operator.restoreCommand("base", ...exactly));
    expect(exact.hint).toContain("--schema-version");
    const run = await esop(operator.restoreCommand("base", "--entities", `${forgotten},${kept}`, ...inPlace));
    expect(run.stderr).toContain(`the node may not have table ${forgotten}`);
    expect(run.stderr).not.toContain(`the node may not have table ${kept}`);
    await node.start();
    expect(await rowsOf(node.cql, kept)).toHaveLength(50);
    const refusal = await fails("node-state", operator.restoreCommand("base", ...inPlace, ...cleanup));
    expect(refusal.message).toContain(forgotten);
    expect(refusal.hint).toContain("IMPORT");
    await node.cql.execute(`CREATE TABLE ${forgotten} (k int PRIMARY KEY, v text)`);
    await operator.restore("base", "--entities", forgotten);
    expect(await rowsOf(node.cql, forgotten)).toHaveLength(50);
    await operator.restore("base", ...inPlace, ...cleanup);
    expect(await operator.restoreLeftovers()).toEqual([]);
  });
});

async function clearDroppedSnapshots({ sandbox }: CassandraNode, keyspace: string, table: string) {
  const { connectNode } = await import("../../../src/cassandra/connect.ts");
  const { jmx } = requestOf("check", {
    "storage-location": "file:///x",
    "jmx-service": `127.0.0.1:${sandbox.jmxPort}`,
  });
  const node = await connectNode(jmx, {
    longCallTimeoutMs: patient(30_000),
    signal: AbortSignal.timeout(patient(30_000)),
  });
  for (const directory of sandbox.dataDirectories) {
    for (const entry of await readdir(join(directory, keyspace), { recursive: true })) {
      if (entry.startsWith(`${table}-`) && /\/snapshots\/dropped-[^/]+$/.test(entry))
        await node.clearSnapshot(entry.slice(entry.lastIndexOf("/") + 1));
    }
  }
  await node.close();
}

describe("several data directories", () => {
  it("are all needed, and no other, or the backup is refused before there is a snapshot", async () => {
    const { node, operator, keyspace } = await prepare();
    await createTable(node, keyspace, "spread", 50);
    const [first = "", second = ""] = node.sandbox.dataDirectories;
    const foreign = await node.temporaryDirectory();
    await mkdir(join(foreign, keyspace));
    const refused = async (code: "usage" | "not-found", ...directories: readonly string[]) => {
      const given = ["--entities", keyspace, ...directories.flatMap((directory) => ["--data-dir", directory])];
      await fails(code, operator.backupCommand("refused", ...given));
      await fails(code, operator.backupCommand("refused", ...given, "--dry-run"));
    };
    await refused("usage", first);
    await refused("usage", second);
    await refused("usage", first, foreign);
    await refused("usage", foreign);
    await refused("usage", first, second, foreign);
    await refused("not-found", first, join(second, "nowhere"));
    // Not even the directory that a snapshot, taken and cleared again, leaves behind.
    const tables = await readdir(join(first, keyspace), { recursive: true });
    expect(tables.filter((entry) => entry.includes("snapshots"))).toEqual([]);
    await operator.backup("whole", "--entities", keyspace, "--data-dir", second, "--data-dir", first);
    await fails("usage", operator.restoreCommand("whole", "--entities", keyspace, "--data-dir", first));
    await fails(
      "usage",
      operator.restoreCommand("whole", "--entities", keyspace, "--data-dir", first, "--data-dir", foreign),
    );
  });

  it("all give their SSTables to a backup and take them back, each in one piece", async () => {
    const { node, operator, keyspace } = await prepare();
    const table = await createTable(node, keyspace, "spread", 0);
    await node.cql.execute(
      `ALTER TABLE ${table} WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}`,
    );
    for (let round = 0; round < 4; round += 1) {
      await fill(node.cql, table, round * 500, round * 500 + 500);
      await operator.backup(`round-${round}`, "--entities", keyspace);
    }
    const used = (files: readonly string[]) =>
      node.sandbox.dataDirectories.filter((directory) => files.some((path) => path.startsWith(directory)));
    expect(used([...(await operator.liveFiles(keyspace)).keys()])).toHaveLength(2);
    const expected = await rowsOf(node.cql, table);
    for (const strategy of ["IMPORT", "HARDLINKS"]) {
      await node.cql.execute(`TRUNCATE ${table}`);
      await operator.restore("round-3", "--entities", keyspace, "--restoration-strategy-type", strategy);
      expect(await rowsOf(node.cql, table)).toEqual(expected);
    }
    await node.cql.execute(`TRUNCATE ${table}`);
    await node.stop();
    await operator.restore("round-3", "--entities", keyspace, ...inPlace);
    const live = [...(await operator.liveFiles(keyspace)).keys()];
    const directoriesOf = Map.groupBy(live, (path) => path.replace(/^.*\/([^/]+-(?:big|bti))-[^/]*$/, "$1"));
    for (const [sstable, files] of directoriesOf) expect(used(files), sstable).toHaveLength(1);
    await node.start();
    expect(await rowsOf(node.cql, table)).toEqual(expected);
    await operator.restore("round-3", "--entities", keyspace, ...inPlace, ...cleanup);
  });
});

describe("files of another owner than the operator", () => {
  it("are given to the owner of the data directories by every strategy", async () => {
    const { node, operator, keyspace } = await prepare();
    const table = await createTable(node, keyspace, "owned", 50);
    const expected = await rowsOf(node.cql, table);
    await operator.backup("base", "--entities", keyspace);
    const nobody = 65534;
    const { dataDirectories, commitLogDirectory, hintsDirectory, savedCachesDirectory } = node.sandbox;
    const all = [...dataDirectories, commitLogDirectory, hintsDirectory, savedCachesDirectory];
    for (const directory of all) await chownAll(directory, nobody);
    try {
      const owners = async (pattern: RegExp) => {
        const found = new Set<number>();
        for (const directory of dataDirectories) {
          for (const entry of await readdir(join(directory, ".."), { recursive: true })) {
            if (pattern.test(entry)) found.add((await lstat(join(directory, "..", entry))).uid);
          }
        }
        return [...found];
      };
      for (const strategy of ["IMPORT", "HARDLINKS"]) {
        const how = ["--entities", keyspace, "--restoration-strategy-type", strategy];
        await operator.restore("base", ...how, "--restoration-phase-type", "download");
        expect(await owners(/esop-restore\/.*files/)).toEqual([nobody]);
        await operator.restore("base", ...how);
        expect(await rowsOf(node.cql, table)).toEqual(expected);
        expect(await owners(/^data\/.*\/owned-\w+\/[^/]*-(Data|Index)\.db$/)).toEqual([nobody]);
      }
      await fill(node.cql, table, 0, 60, "newer");
      await node.stop();
      await operator.restore("base", "--entities", keyspace, ...inPlace);
      expect(await owners(/^data\/.*\/owned-\w+\/[^/]*\.(db|txt|crc32)$/)).toEqual([nobody]);
      await node.start();
      expect(await rowsOf(node.cql, table)).toEqual(expected);
      await operator.restore("base", "--entities", keyspace, ...inPlace, ...cleanup);
    } finally {
      for (const directory of all) await chownAll(directory, process.getuid?.() ?? 0);
    }
  });
});

async function chownAll(directory: string, owner: number): Promise<void> {
  await chown(directory, owner, owner);
  for (const entry of await readdir(directory, { recursive: true })) {
    // Cassandra may be deleting one just now.
    await chown(join(directory, entry), owner, owner).catch(() => undefined);
  }
}
