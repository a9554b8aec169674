import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { readLocalTables } from "./local-files.ts";

const id = "0978d800e67611f19a07dbe54d2f2ac2";
const formerId = "0000d800e67611f19a07dbe54d2f2ac2";
const snapshot = `ks/t-${id}/snapshots/esop-x`;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
  await mkdir(at("d1"));
  await mkdir(at("d2"));
});

afterEach(() => directory[Symbol.asyncDispose]());

const at = (path: string) => join(directory.path, path);

async function files(contents: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), content);
  }
}

/** Writes the manifest that Cassandra puts into a snapshot. */
const listed = (...names: readonly string[]) =>
  files({ [`d2/${snapshot}/manifest.json`]: JSON.stringify({ files: names }) });

const read = (source: "live" | { readonly snapshot: string } = { snapshot: "esop-x" }) =>
  readLocalTables({ dataDirectories: [at("d1"), at("d2")], wanted: (keyspace) => keyspace === "ks", source });

describe("the tables of a snapshot", () => {
  it("have what Cassandra's manifest lists, in all data directories together, with legacy indexes and SAI", async () => {
    await listed("nb-1-big-Data.db", ".idx/nb-1-big-Data.db", "nb-2-big-Data.db");
    await files({
      [`d1/${snapshot}/nb-1-big-Data.db`]: "data",
      [`d1/${snapshot}/nb-1-big-Digest.crc32`]: "111",
      [`d1/${snapshot}/nb-1-big-SAI+aa+GroupComplete.db`]: "",
      [`d1/${snapshot}/nb-1-big-TOC.txt`]: "Data.db\nDigest.crc32\nSAI+aa+GroupComplete.db\n",
      [`d1/${snapshot}/.idx/nb-1-big-Data.db`]: "index",
      [`d1/${snapshot}/.idx/nb-1-big-Digest.crc32`]: "999",
      [`d1/${snapshot}/.idx/nb-1-big-TOC.txt`]: "Data.db",
      [`d1/${snapshot}/schema.cql`]: "CREATE TABLE ks.t",
      [`d2/${snapshot}/nb-2-big-Data.db`]: "more",
      [`d2/${snapshot}/nb-2-big-Digest.crc32`]: "222",
      [`d2/${snapshot}/nb-2-big-TOC.txt`]: "Data.db",
      [`d2/ks/t-${id}/nb-3-big-Data.db`]: "live, and no part of the snapshot",
      [`d2/ks/t-${id}/snapshots/other/nb-4-big-Data.db`]: "another snapshot's",
      [`d1/other/t-${id}/snapshots/esop-x/nb-1-big-Data.db`]: "not wanted",
    });
    const [table, ...others] = await read();
    expect(others).toEqual([]);
    expect(table).toMatchObject({ keyspace: "ks", table: "t", tableId: id, schema: "CREATE TABLE ks.t" });
    const sstables = table?.sstables.map(({ index, baseName, digest, files }) => [
      index,
      baseName,
      digest,
      files.length,
    ]);
    expect(sstables).toEqual([
      [undefined, "nb-1-big", "111", 4],
      [".idx", "nb-1-big", "999", 3],
      [undefined, "nb-2-big", "222", 3],
    ]);
  });

  it("may be empty, and have their schema in any data directory", async () => {
    await mkdir(at(`d1/${snapshot}`), { recursive: true });
    await listed();
    await files({ [`d2/${snapshot}/schema.cql`]: "CREATE" });
    expect(await read()).toEqual([{ keyspace: "ks", table: "t", tableId: id, schema: "CREATE", sstables: [] }]);
  });

  it("are those alone that the snapshot holds", async () => {
    await listed("nb-1-big-Data.db");
    await files({
      [`d1/${snapshot}/nb-1-big-Data.db`]: "data",
      [`d1/${snapshot}/nb-1-big-TOC.txt`]: "Data.db",
      [`d1/ks/t-${formerId}/snapshots/dropped-1/nb-1-big-Data.db`]: "of the table's former life",
      [`d1/ks/u-${id}/nb-1-big-Data.db`]: "not in the snapshot",
    });
    expect((await read()).map(({ table, tableId }) => `${table}-${tableId}`)).toEqual([`t-${id}`]);
    expect(await read({ snapshot: "none" })).toEqual([]);
  });

  it("have a digest of the data where Cassandra wrote none", async () => {
    await listed("nb-1-big-Data.db");
    await files({ [`d1/${snapshot}/nb-1-big-Data.db`]: "some data", [`d1/${snapshot}/nb-1-big-TOC.txt`]: "Data.db" });
    const [table] = await read();
    const stream = deflateSync("some data");
    expect(table?.sstables[0]?.digest).toBe(String(stream.readUInt32BE(stream.length - 4)));
  });

  it.each([
    ["is not listed", ["nb-2-big-Data.db"], "corrupt"],
    ["is listed twice and found once", ["nb-1-big-Data.db", "nb-1-big-Data.db"], "not-found"],
  ])("with an SSTable that %s are refused", async (_what, names, code) => {
    await listed(...names);
    await files({ [`d1/${snapshot}/nb-1-big-Data.db`]: "data", [`d1/${snapshot}/nb-1-big-TOC.txt`]: "Data.db" });
    await expect(read()).rejects.toMatchObject({ code });
  });

  it.each(["", "[]", '{"files":"x"}', '{"files":[1]}'])(
    "with %j for Cassandra's manifest are refused",
    async (text) => {
      await files({ [`d1/${snapshot}/manifest.json`]: text });
      await expect(read()).rejects.toMatchObject({ code: "corrupt" });
    },
  );

  it("with an SSTable without data are refused", async () => {
    await files({ [`d1/${snapshot}/nb-1-big-TOC.txt`]: "", [`d1/${snapshot}/nb-1-big-Digest.crc32`]: "1" });
    await expect(read()).rejects.toMatchObject({
      code: "corrupt",
      message: `SSTable nb-1-big in ${at(`d1/${snapshot}`)} has no Data component`,
    });
  });
});

describe("the live tables", () => {
  it("are without their snapshots, and without SSTables that are just being written or deleted", async () => {
    await files({
      [`d1/ks/t-${id}/nb-1-big-Data.db`]: "data",
      [`d1/ks/t-${id}/nb-2-big-TOC.txt`]: "",
      [`d1/${snapshot}/nb-3-big-Data.db`]: "snapshot",
      [`d1/ks/t-${id}/backups/nb-4-big-Data.db`]: "incremental backup",
    });
    const [table] = await read("live");
    expect(table?.sstables.map(({ baseName }) => baseName)).toEqual(["nb-1-big"]);
    expect(table?.schema).toBeUndefined();
  });
});

it("a data directory that is not there is an error, and an abort is heard", async () => {
  await files({ [`d1/${snapshot}/nb-1-big-Data.db`]: "data" });
  const options = { dataDirectories: [at("d1")], wanted: () => true, source: { snapshot: "esop-x" } } as const;
  await expect(readLocalTables({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "cancelled",
  });
  await rm(at("d2"), { recursive: true });
  await expect(read()).rejects.toMatchObject({
    code: "not-found",
    message: `data directory ${at("d2")} does not exist`,
  });
});
