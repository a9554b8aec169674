import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { sampleName, sampleTableId } from "../../test/harness/sample-manifest.ts";
import { quietLog, SampleNode } from "../../test/harness/sample-node.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { readSchema } from "./schema.ts";

const signal = new AbortController().signal;
let node: SampleNode;

beforeEach(() => {
  node = new SampleNode(memoryStorage({ clock: new ManualClock() }));
});

/** A backup of tables `ks.a` and `ks.b`, whose statements name the tag, and of two that need none. */
async function backUp(tag: string, createdMs: number): Promise<void> {
  const name = sampleName(tag, createdMs);
  const table = (cql: string | undefined) => ({
    sstables: {},
    id: sampleTableId,
    schemaContent: cql,
  });
  const keyspaces = {
    ks: { tables: { a: table(`CREATE ${tag}.a;`), b: table(`CREATE ${tag}.b;`) } },
    other: { tables: { bare: table(undefined) } },
    system_schema: { tables: { tables: table("CREATE system;") } },
  };
  await node.repository.writeManifest(name, {
    snapshot: { name: name.text, keyspaces },
    tokens: [],
    schemaVersion: name.schemaVersion,
    size: 0,
  });
}

function schema(tag: string, flags: Readonly<Record<string, string>> = {}, location = node.location) {
  const request = requestOf("list", { "storage-location": location, schema: tag, ...flags });
  return readSchema({ ...request, schemaOf: tag }, { storage: node.storage, log: quietLog, signal });
}

describe("the schema of a backup", () => {
  it("holds the statements of the newest backup of the tag, without system tables", async () => {
    await backUp("t", 1000);
    await backUp("t", 2000);
    await backUp("u", 3000);
    const { backup, tables } = await schema("t");
    expect(backup).toBe(sampleName("t", 2000).text);
    expect(tables.map(({ keyspace, table, cql }) => [keyspace, table, cql])).toEqual([
      ["ks", "a", "CREATE t.a;"],
      ["ks", "b", "CREATE t.b;"],
      ["other", "bare", undefined],
    ]);
  });

  it("is confined to what is named, system tables too", async () => {
    await backUp("t", 1000);
    expect((await schema("t", { entities: "ks.b" })).tables).toMatchObject([{ table: "b", id: sampleTableId }]);
    expect((await schema("t", { entities: "system_schema" })).tables).toMatchObject([{ cql: "CREATE system;" }]);
    await expect(schema("t", { entities: "nowhere" })).rejects.toMatchObject({
      code: "not-found",
      hint: "it has the keyspaces ks, other, system_schema",
    });
  });

  it("needs a backup, and a node to look for it", async () => {
    await backUp("t", 1000);
    await expect(schema("x")).rejects.toMatchObject({ code: "not-found" });
    await expect(schema("t", {}, "s3://bucket")).rejects.toMatchObject({ code: "usage" });
  });

  it("does not go with the options of a list, and its own do not go without it", () => {
    const location = { "storage-location": node.location };
    expect(() => requestOf("list", { ...location, schema: "t", "last-n": "1" })).toThrow(/--schema cannot be combined/);
    expect(() => requestOf("list", { ...location, entities: "ks" })).toThrow(/--entities is valid only with --schema/);
  });
});
