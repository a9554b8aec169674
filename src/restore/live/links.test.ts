import { appendFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { parseComponentName } from "../../cassandra/cassandra.ts";
import { linkForImport, linkIntoLiveDirectory, unlinkLeftovers } from "./links.ts";

let directory: TemporaryDirectory;
let from: string;
let live: readonly [string, string];

const downloads = {
  "nb-1-big-Data.db": "data 1",
  "nb-1-big-TOC.txt": "toc 1",
  "nb-1-big-SAI+aa+GroupMeta.db": "sai 1",
  "da-3gy0_111j_2u8ka1z4k2vcw67ubc-bti-Data.db": "data 2",
  "da-3gy0_111j_2u8ka1z4k2vcw67ubc-bti-Rows.db": "rows 2",
  "nb-3-big-Data.db": "data 3",
};
const names = Object.keys(downloads);

beforeEach(async () => {
  directory = await temporaryDirectory();
  from = join(directory.path, "downloads");
  live = [join(directory.path, "live1"), join(directory.path, "live2")];
  await writeTree(from, downloads);
  for (const path of live) await mkdir(path);
});

afterEach(() => directory[Symbol.asyncDispose]());

describe("links into live directories", () => {
  it("are under generations of their own, one SSTable whole in one directory, none without its data", async () => {
    await writeTree(live[0], { "nb-1-big-Data.db": "Cassandra's own" });
    await linkIntoLiveDirectory(from, names, live);
    const trees = await Promise.all(live.map(readTree));
    expect(trees[0]?.["nb-1-big-Data.db"]).toBe("Cassandra's own");
    const linked = trees.flatMap((tree, place) =>
      Object.entries(tree).map(([name, content]) => ({ place, name, content })),
    );
    const ours = linked.filter(({ content }) => content !== "Cassandra's own");
    expect(ours.map(({ content }) => content).sort()).toEqual(Object.values(downloads).sort());
    const groups = Map.groupBy(ours, ({ name }) => parseComponentName(name)?.generation ?? "");
    expect(groups.size).toBe(3);
    for (const [generation, files] of groups) {
      expect(Number(generation)).toBeGreaterThan(1_400_000_000);
      expect(Number(generation)).toBeLessThan(2 ** 31);
      expect(new Set(files.map(({ place }) => place)).size).toBe(1);
      expect(new Set(files.map(({ content }) => content.at(-1))).size).toBe(1);
      expect(files.some(({ name }) => name.endsWith("-Data.db"))).toBe(true);
    }
    expect(ours.filter(({ place }) => place === 1).length).toBeGreaterThan(0);
    expect(ours.map(({ name }) => parseComponentName(name)?.format).filter((format) => format === "bti")).toHaveLength(
      2,
    );
    expect(await readTree(from)).toEqual(downloads);
  });

  it("cost no space", async () => {
    await linkIntoLiveDirectory(from, ["nb-3-big-Data.db"], [live[0]]);
    expect((await stat(join(from, "nb-3-big-Data.db"))).nlink).toBe(2);
  });

  it("are copies of the components that Cassandra rewrites in place", async () => {
    await linkForImport(from, live[0], ["nb-1-big-TOC.txt", "nb-1-big-Data.db"]);
    await appendFile(join(live[0], "nb-1-big-TOC.txt"), "SAI+aa+Meta.db");
    expect(await readTree(from)).toEqual(downloads);
    expect((await stat(join(from, "nb-1-big-Data.db"))).nlink).toBe(2);
  });

  it("put Data.db last, so that an interrupted run leaves no SSTable", async () => {
    const broken = ["nb-1-big-Data.db", "nb-1-big-TOC.txt", "nb-1-big-Missing.db"];
    await expect(linkIntoLiveDirectory(from, broken, [live[0]])).rejects.toMatchObject({ code: "not-found" });
    const left = Object.keys(await readTree(live[0]));
    expect(left.some((name) => name.endsWith("-Data.db"))).toBe(false);
  });
});

describe("links that an interrupted run left", () => {
  it("are removed, and no file of Cassandra", async () => {
    await linkIntoLiveDirectory(from, names, live);
    const own = {
      "nb-1500000001-big-Data.db": "a high generation",
      "nb-4-big-Data.db": "a low one",
      "manifest.txt": "x",
    };
    await writeTree(live[0], own);
    await linkForImport(from, live[1], ["nb-3-big-Data.db"]);
    await unlinkLeftovers(from, names, live);
    expect(await readTree(live[0])).toEqual(own);
    expect(await readTree(live[1])).toEqual({ "nb-3-big-Data.db": "data 3" });
    expect(await readTree(from)).toEqual(downloads);
  });

  it("are not searched for once their downloads are gone", async () => {
    await linkIntoLiveDirectory(from, ["nb-3-big-Data.db"], [live[0]]);
    await unlinkLeftovers(join(directory.path, "gone"), names, live);
    expect(Object.values(await readTree(live[0]))).toEqual(["data 3"]);
  });
});

describe("links for import", () => {
  it("keep their names", async () => {
    await linkForImport(from, live[0], names);
    expect(await readTree(live[0])).toEqual(downloads);
    await expect(linkForImport(from, live[0], ["nb-9-big-Data.db"])).rejects.toMatchObject({ code: "not-found" });
  });
});
