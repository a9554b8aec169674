import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import {
  listSnapshots,
  listSSTables,
  listTableDirectories,
  snapshotDirectory,
  snapshotSchema,
} from "./data-directories.ts";

const id1 = "0978d800e67611f19a07dbe54d2f2ac2";
const id2 = "19a650a0e67611f19a07dbe54d2f2ac2";
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

/** Writes files below the temporary directory, each with its own path for content. */
async function files(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), path);
  }
}

const at = (path: string) => join(directory.path, path);

describe("table directories", () => {
  it("are found in every data directory, sorted, and nothing else is taken for one", async () => {
    await files(
      `d2/ks/t-${id1}/x`,
      `d1/ks/t-${id1}/x`,
      `d1/ks/t-${id2}/x`,
      `d1/ks/a-${id2}/x`,
      `d1/system/local-${id1}/x`,
      `d1/ks/t-${id1.toUpperCase()}/x`,
      `d1/ks/t/x`,
      `d1/ks/file-${id1}`.replace("file", "f"),
      `d1/lost+found/t-${id1}/x`,
      `d1/.hidden/t-${id1}/x`,
      "d1/stray",
    );
    const found = await listTableDirectories([at("d1"), at("d2")], () => true);
    expect(found.map(({ path }) => path)).toEqual(
      [`d1/ks/a-${id2}`, `d1/ks/t-${id1}`, `d2/ks/t-${id1}`, `d1/ks/t-${id2}`, `d1/system/local-${id1}`].map(at),
    );
    expect(found[2]).toEqual({
      dataDirectory: at("d2"),
      keyspace: "ks",
      table: "t",
      tableId: id1,
      path: at(`d2/ks/t-${id1}`),
    });
  });

  it("are only those wanted", async () => {
    await files(`d1/ks/t-${id1}/x`, `d1/ks/u-${id2}/x`, `d1/other/t-${id1}/x`);
    const found = await listTableDirectories([at("d1")], (keyspace, table) => keyspace === "ks" && table === "t");
    expect(found.map(({ path }) => path)).toEqual([at(`d1/ks/t-${id1}`)]);
  });

  it("are found behind symbolic links, and a link that leads nowhere is none", async () => {
    await files(`elsewhere/u-${id1}/x`, `more/x`, `d1/ks/t-${id1}/x`);
    await symlink(at("elsewhere"), at("d1/linked"));
    await symlink(at("more"), at(`d1/ks/v-${id2}`));
    await symlink(at("nowhere"), at(`d1/ks/w-${id2}`));
    await symlink(at("nowhere"), at("d1/gone"));
    const found = await listTableDirectories([at("d1")], () => true);
    expect(found.map(({ path }) => path)).toEqual([`d1/ks/t-${id1}`, `d1/ks/v-${id2}`, `d1/linked/u-${id1}`].map(at));
  });

  it("of a data directory that is not there are an error", async () => {
    await files("f");
    for (const path of ["missing", "f"]) {
      await expect(listTableDirectories([at(path)], () => true)).rejects.toMatchObject({ code: "not-found" });
    }
    await files(`d1/ks/t-${id1}/x`);
    await expect(listTableDirectories([at("d1")], () => true, AbortSignal.abort())).rejects.toMatchObject({
      code: "cancelled",
    });
  });
});

describe("SSTables of a directory", () => {
  it("are whole, with those of indexes apart, and nothing that is none", async () => {
    await files(
      "t/nb-1-big-Data.db",
      "t/nb-1-big-TOC.txt",
      "t/nb-1-big-SAI+aa+GroupMeta.db",
      "t/nb-2-big-Data.db",
      "t/.idx/nb-1-big-Data.db",
      "t/.idx/nb-1-big-Digest.crc32",
      "t/backups/nb-9-big-Data.db",
      "t/snapshots/s/nb-9-big-Data.db",
      "t/manifest.json",
      "t/nb_txn_flush_0e7b8c40.log",
    );
    await symlink(at("t/nb-1-big-Data.db"), at("t/nb-3-big-Data.db"));
    await mkdir(at("t/nb-4-big-Data.db"));
    const found = (await listSSTables(at("t"))) ?? [];
    const shape = found.map(({ baseName, generation, index, files }) => {
      return [index, baseName, generation, files.map(({ name }) => name).sort()];
    });
    expect(shape.sort()).toEqual(
      [
        [undefined, "nb-1-big", "1", ["nb-1-big-Data.db", "nb-1-big-SAI+aa+GroupMeta.db", "nb-1-big-TOC.txt"]],
        [undefined, "nb-2-big", "2", ["nb-2-big-Data.db"]],
        [".idx", "nb-1-big", "1", ["nb-1-big-Data.db", "nb-1-big-Digest.crc32"]],
      ].sort(),
    );
    const [inIndex] = found.filter(({ index }) => index === ".idx");
    expect(inIndex?.files.map(({ path }) => path).sort()).toEqual([
      at("t/.idx/nb-1-big-Data.db"),
      at("t/.idx/nb-1-big-Digest.crc32"),
    ]);
    expect(inIndex?.files[0]).toMatchObject({ sizeBytes: "t/.idx/nb-1-big-Data.db".length });
  });

  it("are none in an empty directory, and unknown in a missing one", async () => {
    await mkdir(at("empty"));
    expect(await listSSTables(at("empty"))).toEqual([]);
    expect(await listSSTables(at("missing"))).toBeUndefined();
  });

  it.skipIf(process.geteuid?.() === 0)("that may not be read are an error", async () => {
    await mkdir(at("closed"));
    await chmod(at("closed"), 0);
    await expect(listSSTables(at("closed"))).rejects.toMatchObject({ code: "io" });
  });
});

describe("snapshots", () => {
  it("are listed, with their schema where there is one", async () => {
    await files(
      `d/ks/t-${id1}/snapshots/one/schema.cql`,
      `d/ks/t-${id1}/snapshots/two/nb-1-big-Data.db`,
      `d/ks/t-${id1}/snapshots/f`,
    );
    const [table] = await listTableDirectories([at("d")], () => true);
    if (table === undefined) throw new Error("no table");
    expect((await listSnapshots(table)).sort()).toEqual(["one", "two"]);
    expect(await snapshotSchema(snapshotDirectory(table, "one"))).toBe(`d/ks/t-${id1}/snapshots/one/schema.cql`);
    expect(await snapshotSchema(snapshotDirectory(table, "two"))).toBeUndefined();
    await files(`d/ks/u-${id1}/x`);
    const [, without] = await listTableDirectories([at("d")], () => true);
    expect(without && (await listSnapshots(without))).toEqual([]);
  });
});
