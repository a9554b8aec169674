/** Which backup a name means, what a removal takes with it, and what a listing of nothing is. */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseBackupName } from "../../../src/repository/repository.ts";
import { useCassandra } from "../../harness/cassandra.ts";
import { esopOk } from "../../harness/esop.ts";
import { createTable, fails, filesBelow, fill, Operator, rowsOf } from "../../harness/operator.ts";
import { usual } from "./kinds.ts";

const dayMs = 24 * 3_600_000;

/** Makes a backup older than it is. */
async function age(operator: Operator, tag: string, days: number): Promise<void> {
  const directory = operator.objectPath("manifests");
  for (const file of await readdir(directory)) {
    const name = parseBackupName(file.replace(/\.json$/, ""));
    if (name?.tag !== tag) continue;
    const older = `${tag}-${name.schemaVersion}-${name.createdMs - days * dayMs}`;
    const text = await readFile(join(directory, file), "utf8");
    await writeFile(join(directory, file), text.replace(name.text, older));
    await rename(join(directory, file), join(directory, `${older}.json`));
  }
}

describe("removing backups that share files", () => {
  it("leaves every other backup whole, and nothing at all after the last", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const keyspace = await node.keyspace();
    const table = await createTable(node, keyspace, "shared", 50);
    const expected = new Map<string, string[]>();
    for (const [index, tag] of ["one", "two", "three", "four", "five"].entries()) {
      await fill(node.cql, table, index * 50, index * 50 + 60, tag);
      await operator.backup(tag, "--entities", keyspace);
      expected.set(tag, await rowsOf(node.cql, table));
      // Compacted: the next backup shares nothing with this one, but does with the one after it.
      if (tag === "two") await node.cql.execute(`ALTER TABLE ${table} WITH gc_grace_seconds = 5`);
      await age(operator, tag, 50 - index * 10);
    }
    const objects = await operator.objects();
    const removed = await esopOk(...operator.removeCommand("--older-than", "25day"));
    expect(removed["removed"]).toMatchObject([{ objects: 0 }, { objects: 0 }, { objects: 0 }]);
    expect(await operator.objects()).toEqual(objects);
    for (const tag of ["four", "five"]) {
      await operator.restore(tag, "--entities", keyspace);
      expect(await rowsOf(node.cql, table)).toEqual(expected.get(tag));
    }
    for (const tag of ["one", "two", "three"]) await fails("not-found", operator.restoreCommand(tag));

    await esopOk(...operator.removeCommand("--name", "five"));
    await operator.restore("four", "--entities", keyspace);
    expect(await rowsOf(node.cql, table)).toEqual(expected.get("four"));
    // What "five" had for itself is gone: what is left is what "four" names.
    const left = await operator.objects();
    expect(left.size).toBeLessThan(objects.size);
    await esopOk(...operator.removeCommand("--name", "four"));
    expect(await filesBelow(operator.bucket)).toEqual(new Map());
  });
});

describe("names", () => {
  it("are whole or mean nothing, and one name for several backups is refused", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const keyspace = await node.keyspace();
    const table = await createTable(node, keyspace, "named", 10);
    await operator.backup("snap10", "--entities", keyspace);
    for (const tag of ["snap1", "snap", "nowhere", "snap10-"]) {
      const { hint } = await fails("not-found", operator.restoreCommand(tag, "--entities", keyspace));
      expect(hint).toContain("snap10");
      await fails("not-found", operator.removeCommand("--name", tag));
    }
    expect(await rowsOf(node.cql, table)).toHaveLength(10);

    await fill(node.cql, table, 10, 20);
    const first = await operator.backup("twice", "--entities", keyspace);
    await fill(node.cql, table, 20, 30);
    await operator.backup("twice", "--entities", keyspace);
    const { hint } = await fails("ambiguous", operator.removeCommand("--name", "twice"));
    expect(hint).toContain(String(first["name"]));
    // One schema version: a restore takes the newest of the runs, and the older by its full name.
    await operator.restore("twice", "--entities", keyspace);
    expect(await rowsOf(node.cql, table)).toHaveLength(30);
    await operator.restore(String(first["name"]), "--entities", keyspace);
    expect(await rowsOf(node.cql, table)).toHaveLength(20);
  });

  it("with two schema versions are refused by a restore until one is chosen", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const keyspace = await node.keyspace();
    const table = await createTable(node, keyspace, "changed", 10);
    const first = await operator.backup("nightly", "--entities", keyspace);
    await node.cql.execute(`ALTER TABLE ${table} ADD added int`);
    await fill(node.cql, table, 10, 20);
    await operator.backup("nightly", "--entities", keyspace);
    const only = ["--entities", keyspace];
    const { hint } = await fails("ambiguous", operator.restoreCommand("nightly", ...only));
    expect(hint).toContain("--schema-version");
    expect(hint).toContain(String(first["name"]));
    expect(await rowsOf(node.cql, table)).toHaveLength(20);

    const name = parseBackupName(String(first["name"]));
    const older = name?.schemaVersion ?? "";
    await operator.restore("nightly", ...only, "--schema-version", older);
    expect(await rowsOf(node.cql, table)).toHaveLength(10);
    await operator.restore("nightly", ...only, "--exact-schema-version");
    expect(await rowsOf(node.cql, table)).toHaveLength(20);
    await operator.restore("nightly", ...only, "--exact-schema-version", "--schema-version", older);
    expect(await rowsOf(node.cql, table)).toHaveLength(10);
    await operator.restore(`nightly-${older}`, ...only);
    expect(await rowsOf(node.cql, table)).toHaveLength(10);
    const unknown = ["--schema-version", "00000000-0000-0000-0000-000000000000"];
    await fails("not-found", operator.restoreCommand("nightly", ...only, ...unknown));
  });

  it("of places where nothing is are errors of list, restore and remove", async () => {
    const node = await useCassandra(usual);
    const operator = await Operator.of(node);
    const nowhere = ["--storage-location", operator.location];
    await fails("not-found", ["list", ...nowhere]);
    await fails("not-found", operator.restoreCommand("any"));
    await fails("not-found", operator.removeCommand("--name", "any"));
    await fails("not-found", operator.removeCommand("--older-than", "1day"));
    await operator.backup("any", "--entities", "system_auth");
    const neighbour = `${operator.location.replace(/[^/]+$/, "")}00000000-0000-0000-0000-000000000000`;
    await fails("not-found", ["list", "--storage-location", neighbour]);
    expect(await esopOk("list", ...nowhere)).toMatchObject({ nodes: [{ backups: [{ tag: "any" }] }] });
  });
});
