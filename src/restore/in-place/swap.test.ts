import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { body, lz4, mutation, mutationsIn, of, segment } from "../../../test/harness/commit-log.ts";
import { type FileTree, readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { readJournal, writeJournal } from "../journal.ts";
import type { Place } from "./places.ts";
import { type CommitLogTreatment, outsidePlaces, planSwap, runSwap } from "./swap.ts";
import { parseSwapJournal } from "./swap-journal.ts";

/** Renames that still succeed; every step of a swap that changes anything is one. */
const renames = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, made: 0 }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const rename: typeof real.rename = async (from, to) => {
    if (renames.left === 0) throw new Error("the power is gone");
    await real.rename(from, to);
    renames.left -= 1;
    renames.made += 1;
  };
  return { ...real, rename };
});

const tableId = "0978d800e67611f19a07dbe54d2f2ac2";
const otherId = "19a650a0e67611f19a07dbe54d2f2ac2";
const table = `ks/t-${tableId}`;
const target = {
  keyspace: "ks",
  table: "t",
  tableId,
  content: { id: tableId, sstables: {} },
  target: { keyspace: "ks", table: "t" },
};
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
  renames.left = Number.POSITIVE_INFINITY;
  renames.made = 0;
});

afterEach(async () => {
  renames.left = Number.POSITIVE_INFINITY;
  await directory[Symbol.asyncDispose]();
});

const mixed = segment({ sections: [[mutation(body(of(tableId))), mutation(body(of(otherId)))]] });
const foreign = segment({ sections: [[mutation(body(of(otherId)))]] });

/** A stopped node with two data directories, and a backup staged for one of its tables. */
const before = {
  [`data0/${table}/nb-1-big-Data.db`]: "former data 1",
  [`data0/${table}/nb-1-big-TOC.txt`]: "former toc 1",
  [`data0/${table}/.idx/nb-1-big-Data.db`]: "former index",
  [`data0/${table}/snapshots/s/nb-1-big-Data.db`]: "snapshot",
  [`data0/${table}/backups/nb-0-big-Data.db`]: "incremental",
  [`data0/ks/u-${otherId}/nb-1-big-Data.db`]: "another table",
  [`data0/ks/t-${otherId}/nb-1-big-Data.db`]: "the table's former life",
  [`data1/${table}/nb-2-big-Data.db`]: "former data 2",
  "saved_caches/KeyCache.db": "keys",
  "hints/1.hints": "hints",
  "commitlog/CommitLog-7-1.log": mixed.toString("latin1"),
  "commitlog/CommitLog-7-2.log": foreign.toString("latin1"),
  "conf/cassandra.yaml": "initial_token: 1\n",
  [`esop-restore/b/staged-0/${table}/nb-1-big-Data.db`]: "restored data 1",
  [`esop-restore/b/staged-0/${table}/nb-1-big-TOC.txt`]: "restored toc 1",
  [`esop-restore/b/staged-0/${table}/nb-1-big-Filter.db`]: "restored filter 1",
  [`esop-restore/b/staged-0/${table}/.idx/nb-1-big-Data.db`]: "restored index",
  [`esop-restore/b/staged-1/${table}/nb-5-big-Data.db`]: "restored data 5",
  [`esop-restore/b/staged-1/${table}/nb-5-big-TOC.txt`]: "restored toc 5",
} as const;

const treatment: CommitLogTreatment = {
  kind: "mask",
  segments: ["CommitLog-7-1.log"],
  wanted: [tableId],
  foreign: [],
};

function latin1(tree: FileTree): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(tree).map(([path, content]) => [path, Buffer.from(content, "latin1")]));
}

function placesIn(root: string): Place[] {
  const restore = join(root, "esop-restore/b");
  return [0, 1].map((n) => ({
    dataDirectory: join(root, `data${n}`),
    root: restore,
    staged: join(restore, `staged-${n}`),
    replaced: join(restore, `replaced-${n}`),
  }));
}

function stoppedIn(root: string) {
  return {
    dataDirectories: [join(root, "data0"), join(root, "data1")],
    systemDirectory: join(root, "data0"),
    commitLogDirectory: join(root, "commitlog"),
    hintsDirectory: join(root, "hints"),
    savedCachesDirectory: join(root, "saved_caches"),
    configFile: undefined,
  };
}

const journalIn = (root: string) => join(root, "esop-restore/b/journal.json");

/** Plans where nothing is planned yet, and swaps from wherever the journal stands. */
async function swap(root: string, commitLog = treatment, everything = false): Promise<void> {
  const places = placesIn(root);
  const path = journalIn(root);
  let journal = await readJournal(path, parseSwapJournal);
  if (journal === undefined) {
    journal = await planSwap(places, [target], { stopped: stoppedIn(root), commitLog, everything });
    await writeJournal(path, journal);
  }
  const done = await runSwap(places, journal, {
    owner: undefined,
    configFile: { path: join(root, "conf/cassandra.yaml"), text: "initial_token: 2\n" },
    saveProgress: (state) => writeJournal(path, state),
  });
  await writeJournal(path, done);
}

async function treeWithoutJournal(root: string): Promise<FileTree> {
  const { "esop-restore/b/journal.json": _, ...tree } = await readTree(root);
  return tree;
}

describe("a swap", () => {
  it("puts what is staged in the place of the table's live files, and keeps all that it replaces", async () => {
    await writeTree(directory.path, latin1(before));
    await swap(directory.path);
    const masked = (await treeWithoutJournal(directory.path))["commitlog/CommitLog-7-1.log"] ?? "";
    expect(await treeWithoutJournal(directory.path)).toEqual({
      [`data0/${table}/nb-1-big-Data.db`]: "restored data 1",
      [`data0/${table}/nb-1-big-TOC.txt`]: "restored toc 1",
      [`data0/${table}/nb-1-big-Filter.db`]: "restored filter 1",
      [`data0/${table}/.idx/nb-1-big-Data.db`]: "restored index",
      [`data0/${table}/snapshots/s/nb-1-big-Data.db`]: "snapshot",
      [`data0/${table}/backups/nb-0-big-Data.db`]: "incremental",
      [`data0/ks/u-${otherId}/nb-1-big-Data.db`]: "another table",
      [`data0/ks/t-${otherId}/nb-1-big-Data.db`]: "the table's former life",
      [`data1/${table}/nb-5-big-Data.db`]: "restored data 5",
      [`data1/${table}/nb-5-big-TOC.txt`]: "restored toc 5",
      "hints/1.hints": "hints",
      "commitlog/CommitLog-7-1.log": masked,
      "commitlog/CommitLog-7-2.log": before["commitlog/CommitLog-7-2.log"],
      "conf/cassandra.yaml": "initial_token: 2\n",
      [`esop-restore/b/replaced-0/${table}/nb-1-big-Data.db`]: "former data 1",
      [`esop-restore/b/replaced-0/${table}/nb-1-big-TOC.txt`]: "former toc 1",
      [`esop-restore/b/replaced-0/${table}/.idx/nb-1-big-Data.db`]: "former index",
      [`esop-restore/b/replaced-1/${table}/nb-2-big-Data.db`]: "former data 2",
      "esop-restore/b/saved_caches/KeyCache.db": "keys",
      "esop-restore/b/commitlog/CommitLog-7-1.log": before["commitlog/CommitLog-7-1.log"],
      "esop-restore/b/cassandra.yaml": "initial_token: 1\n",
    });
    const left = mutationsIn(Buffer.from(masked, "latin1"));
    expect(left.map(({ table }) => table === tableId)).toEqual([false, false]);
    expect(left.filter(({ table }) => table === otherId)).toHaveLength(1);
    expect(await readJournal(journalIn(directory.path), parseSwapJournal)).toMatchObject({
      done: true,
      tables: ["ks.t"],
    });
  });

  it("of everything sets hints and the whole commit log aside too", async () => {
    await writeTree(directory.path, latin1(before));
    await swap(directory.path, { kind: "set-aside" }, true);
    const tree = await treeWithoutJournal(directory.path);
    expect(Object.keys(tree).filter((path) => /^(commitlog|hints|saved_caches)/.test(path))).toEqual([]);
    for (const path of ["commitlog/CommitLog-7-1.log", "commitlog/CommitLog-7-2.log", "hints/1.hints"] as const) {
      expect(tree[`esop-restore/b/${path}`]).toBe(before[path]);
    }
  });

  it("is planned without touching anything", async () => {
    await writeTree(directory.path, latin1(before));
    const planned = await planSwap(placesIn(directory.path), [target], {
      stopped: stoppedIn(directory.path),
      commitLog: { kind: "set-aside" },
      everything: true,
    });
    expect(await readTree(directory.path)).toEqual(before);
    expect(parseSwapJournal(JSON.parse(JSON.stringify(planned)))).toEqual(planned);
  });

  it("into a node that has nothing yet makes what it needs", async () => {
    const staged = Object.entries(before).filter(([path]) => path.startsWith("esop-restore"));
    await writeTree(directory.path, latin1({ ...Object.fromEntries(staged), "conf/cassandra.yaml": "" }));
    await swap(directory.path, { kind: "set-aside" }, true);
    const tree = await treeWithoutJournal(directory.path);
    expect(Object.keys(tree).filter((path) => path.startsWith("data"))).toHaveLength(6);
  });

  it("cut short after any of its renames is finished by the next run, with nothing lost on the way", async () => {
    const whole = join(directory.path, "whole");
    await writeTree(whole, latin1(before));
    await swap(whole);
    const [expected, steps] = [await treeWithoutJournal(whole), renames.made];
    expect(steps).toBeGreaterThan(15);
    const originals = new Set(Object.values(before));
    for (let step = 0; step < steps; step += 1) {
      const root = join(directory.path, String(step));
      await writeTree(root, latin1(before));
      renames.left = step;
      await expect(swap(root)).rejects.toThrow();
      renames.left = Number.POSITIVE_INFINITY;
      const midway = await treeWithoutJournal(root);
      const present = new Set(Object.values(midway));
      expect([step, [...originals].filter((content) => !present.has(content))]).toEqual([step, []]);
      expectWholeSSTables(midway);
      await swap(root);
      expect([step, await treeWithoutJournal(root)]).toEqual([step, expected]);
      await rm(root, { recursive: true });
    }
  });

  it("cut short again and again gets to its end", async () => {
    await writeTree(directory.path, latin1(before));
    let runs = 0;
    for (let done = false; !done; runs += 1) {
      renames.left = 4;
      done = await swap(directory.path).then(
        () => true,
        () => false,
      );
      expect(runs).toBeLessThan(50);
    }
    expect(runs).toBeGreaterThan(3);
    const tree = await treeWithoutJournal(directory.path);
    expect(tree[`data0/${table}/nb-1-big-Data.db`]).toBe("restored data 1");
    expect(tree[`esop-restore/b/replaced-0/${table}/nb-1-big-Data.db`]).toBe("former data 1");
  });

  it("overwrites no file that has appeared since it was planned", async () => {
    await writeTree(directory.path, latin1(before));
    renames.left = 8;
    await expect(swap(directory.path)).rejects.toThrow();
    renames.left = Number.POSITIVE_INFINITY;
    const stranger = { [`data1/${table}/nb-5-big-TOC.txt`]: "a stranger's" };
    await writeTree(directory.path, stranger);
    await expect(swap(directory.path)).rejects.toMatchObject({ code: "already-exists" });
    expect(await readTree(directory.path)).toMatchObject(stranger);
    await rm(join(directory.path, `data1/${table}/nb-5-big-TOC.txt`));
    await swap(directory.path);
    expect(await readTree(directory.path)).toMatchObject({ [`data1/${table}/nb-5-big-TOC.txt`]: "restored toc 5" });
  });

  it("does not mask a segment that can no longer be looked into", async () => {
    await writeTree(directory.path, latin1(before));
    const places = placesIn(directory.path);
    const plan = await planSwap(places, [target], {
      stopped: stoppedIn(directory.path),
      commitLog: treatment,
      everything: false,
    });
    const compressed = segment({ sections: [[Buffer.alloc(40, 7)]], parameters: lz4 });
    await writeTree(directory.path, { "commitlog/CommitLog-7-1.log": compressed });
    const end = { owner: undefined, configFile: undefined, saveProgress: async () => undefined };
    await expect(runSwap(places, plan, end)).rejects.toMatchObject({ code: "corrupt" });
    expect((await readTree(directory.path))["commitlog/CommitLog-7-1.log"]).toBe(compressed.toString("latin1"));
  });
});

/** A restored Data.db lies in a live directory only with all that belongs to it. */
function expectWholeSSTables(tree: FileTree): void {
  const restored = Object.entries(tree).filter(
    ([path, content]) => path.startsWith("data") && content.startsWith("restored"),
  );
  const live = restored.map(([path]) => path);
  const components = { "nb-1-big": 3, "nb-5-big": 2 };
  for (const [baseName, count] of Object.entries(components)) {
    const present = live.filter((path) => basename(path).startsWith(baseName) && !path.includes(".idx"));
    if (present.some((path) => path.endsWith("-Data.db"))) expect(present).toHaveLength(count);
  }
}

describe("a commit log on another file system", () => {
  const memory = "/dev/shm";
  let elsewhere = "";
  let apart = false;

  beforeEach(async () => {
    const [here, there] = await Promise.all([tmpdir(), memory].map((path) => stat(path).catch(() => undefined)));
    apart = there !== undefined && here?.dev !== there.dev;
    if (apart) elsewhere = await mkdtemp(join(memory, "esop-test-"));
  });

  afterEach(async () => {
    if (apart) await rm(elsewhere, { recursive: true });
  });

  it("is set aside beside itself, apart from what an earlier restore left there, and found again", async (context) => {
    if (!apart) context.skip();
    await writeTree(directory.path, latin1(before));
    await writeTree(elsewhere, {
      "commitlog/CommitLog-7-3.log": foreign,
      "hints/a": "h",
      "esop-restore/b/hints/a": "earlier",
    });
    const places = placesIn(directory.path);
    const stopped = {
      ...stoppedIn(directory.path),
      commitLogDirectory: join(elsewhere, "commitlog"),
      hintsDirectory: join(elsewhere, "hints"),
    };
    const plan = await planSwap(places, [target], { stopped, commitLog: { kind: "set-aside" }, everything: true });
    const end = { owner: undefined, configFile: undefined, saveProgress: async () => undefined };
    const done = await runSwap(places, plan, end);
    expect(Object.keys(await readTree(elsewhere))).toEqual(
      ["esop-restore/b/commitlog/CommitLog-7-3.log", "esop-restore/b/hints/a", "esop-restore/b/hints.1/a"].sort(),
    );
    expect(await outsidePlaces(places, done)).toEqual([join(elsewhere, "esop-restore/b")]);
    const inside = await planSwap(places, [target], {
      stopped: stoppedIn(directory.path),
      commitLog: treatment,
      everything: true,
    });
    expect(await outsidePlaces(places, inside)).toEqual([]);
  });
});
