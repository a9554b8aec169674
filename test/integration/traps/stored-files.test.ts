/** What lies in the store: components that Cassandra rewrote between two backups, and objects that were damaged there. */
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { runCassandraTool } from "../../harness/cassandra-tool.ts";
import { createTable, fails, filesBelow, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { usual } from "./kinds.ts";

/** The live files of a keyspace's tables by their names alone. */
async function liveContents(operator: Operator, keyspace: string): Promise<Map<string, string>> {
  return new Map([...(await operator.liveFiles(keyspace))].map(([path, hash]) => [basename(path), hash]));
}

async function downloaded(operator: Operator, node: CassandraNode, tag: string, keyspace: string) {
  const to = await node.temporaryDirectory();
  const phase = ["--restoration-phase-type", "download", "--import-source-dir", to];
  await operator.restore(tag, "--entities", keyspace, ...phase);
  return new Map([...(await filesBelow(to))].map(([path, content]) => [basename(path), content]));
}

describe("components that Cassandra rewrote in place between two backups", () => {
  it("go under keys of their own, so that both backups bring back their own content", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const keyspace = await node.keyspace();
    const table = await createTable(node, keyspace, "repaired", 100);
    const rows = await rowsOf(node.cql, table);
    await operator.backup("before", "--entities", keyspace);
    const liveBefore = await liveContents(operator, keyspace);

    await node.stop();
    const paths = [...(await operator.liveFiles(keyspace)).keys()].filter((path) => path.endsWith("-Data.db"));
    const parameters = ["--really-set", "--is-repaired", ...paths];
    await runCassandraTool(node.sandbox, "SSTableRepairedAtSetter", parameters);
    await node.start();
    const report = await operator.backup("after", "--entities", keyspace);
    const liveAfter = await liveContents(operator, keyspace);
    const rewritten = [...liveAfter].filter(([name, hash]) => liveBefore.get(name) !== hash).map(([name]) => name);
    expect(rewritten.length).toBeGreaterThan(0);
    expect(rewritten.every((name) => name.endsWith("-Statistics.db"))).toBe(true);
    expect(report).toMatchObject({ sent: { files: rewritten.length } });
    expect(await operator.backup("again", "--entities", keyspace)).toMatchObject({ sent: { files: 0 } });

    const statistics = rewritten[0] ?? "";
    const before = (await downloaded(operator, node, "before", keyspace)).get(statistics);
    const after = (await downloaded(operator, node, "after", keyspace)).get(statistics);
    expect(before).toBeDefined();
    expect(before).not.toEqual(after);
    for (const tag of ["before", "after", "again"]) {
      await fill(node.cql, table, 90, 110, `newer than ${tag}`);
      await operator.restore(tag, "--entities", keyspace);
      expect(await rowsOf(node.cql, table)).toEqual(rows);
    }
  });
});

type Damage = (path: string) => Promise<void>;

const damages = {
  "a short file": async (path) => truncate(path, (await readFile(path)).length - 1),
  "one flipped bit": async (path) => {
    const bytes = await readFile(path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
    await writeFile(path, bytes);
  },
  "no bytes": (path) => truncate(path, 0),
  "a missing file": (path) => rm(path),
} as const satisfies Record<string, Damage>;

/** Damages one object for the time of `work`. */
async function whileDamaged(path: string, damage: Damage, work: () => Promise<void>): Promise<void> {
  const content = await readFile(path);
  try {
    await damage(path);
    await work();
  } finally {
    await rm(path, { force: true });
    await writeFile(path, content);
  }
}

async function objectOf(operator: Operator, keyspace: string, component: string): Promise<string> {
  const keys = [...(await operator.objects()).keys()];
  const key = keys.find((found) => found.includes(`/${keyspace}/`) && found.endsWith(component));
  if (key === undefined) throw new Error(`no ${component} in the store`);
  return operator.objectPath(key);
}

describe("damaged objects", () => {
  it("fail a restore with each strategy before anything of the node is touched", async () => {
    const { node, operator, keyspace, table } = await backedUp();
    // The node's own files must not stand in for the damaged object.
    await node.cql.execute(`TRUNCATE ${table}`);
    await fill(node.cql, table, 100, 120, "newer");
    const rows = await rowsOf(node.cql, table);
    const snapshots = await operator.snapshots();
    const data = await objectOf(operator, keyspace, "-Data.db");
    const refuse = async (strategy: string, path: string) => {
      const how = ["--entities", keyspace, "--restoration-strategy-type", strategy];
      const { message } = await fails("corrupt", operator.restoreCommand("base", ...how));
      expect(message).toContain(basename(path));
    };
    for (const [what, damage] of Object.entries(damages)) {
      await whileDamaged(data, damage, async () => {
        for (const strategy of ["IMPORT", "HARDLINKS"]) {
          await refuse(strategy, data);
          expect(await rowsOf(node.cql, table), `${strategy}, ${what}`).toEqual(rows);
        }
      });
    }
    expect(await operator.snapshots()).toEqual(snapshots);
    await node.stop();
    const live = await operator.liveFiles(keyspace);
    const statistics = await objectOf(operator, keyspace, "-Statistics.db");
    for (const [what, damage] of Object.entries(damages)) {
      await whileDamaged(statistics, damage, () => refuse("IN_PLACE", statistics));
      expect(await operator.liveFiles(keyspace), what).toEqual(live);
    }
    await node.start();
    expect(await rowsOf(node.cql, table)).toEqual(rows);
  });

  it("are sent again by the next backup where their size shows it, and all backups are whole again", async () => {
    const { node, operator, keyspace, table } = await backedUp();
    const rows = await rowsOf(node.cql, table);
    for (const what of ["a short file", "no bytes", "a missing file"] as const) {
      const data = await objectOf(operator, keyspace, "-Data.db");
      const content = await readFile(data);
      await damages[what](data);
      const report = await operator.backup(what.replaceAll(" ", "-"), "--entities", keyspace);
      expect(report, what).toMatchObject({ sent: { files: 1, bytes: content.length } });
      expect(await readFile(data)).toEqual(content);
      for (const tag of ["base", what.replaceAll(" ", "-")]) {
        await node.cql.execute(`TRUNCATE ${table}`);
        await operator.restore(tag, "--entities", keyspace);
        expect(await rowsOf(node.cql, table), `${tag} after ${what}`).toEqual(rows);
      }
      // The import has renamed the SSTables: from here on the live ones are stored as well.
      await operator.backup("settled", "--entities", keyspace);
    }
  });
});

async function backedUp() {
  const node = await useCassandra(usual);
  const operator = await Operator.of(node);
  const keyspace = await node.keyspace();
  const table = await createTable(node, keyspace, "t", 100);
  await operator.backup("base", "--entities", keyspace);
  return { node, operator, keyspace, table };
}
