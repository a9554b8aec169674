/** A restore that is cut short after any of its renames, and what a service manager may then start. */
import { mkdir, rename, stat } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeTree } from "../../../test/harness/file-tree.ts";
import { StoppedSample, tableDirectory } from "../../../test/harness/stopped-sample.ts";

/** Renames that still succeed; every step that changes anything but directories is one. */
const renames = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, made: 0 }));

const guard = "esop-restore-is-unfinished-run-it-again.db";

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const rename: typeof real.rename = async (from, to) => {
    if (renames.left === 0) throw new Error("the power is gone");
    await real.rename(from, to);
    renames.left -= 1;
    renames.made += 1;
  };
  // A process that is gone does not let the node start either.
  const rm: typeof real.rm = async (path, options) => {
    if (renames.left === 0 && String(path).endsWith(guard)) throw new Error("the power is gone");
    await real.rm(path, options);
  };
  return { ...real, rename, rm };
});

const whole = { entities: "", "restore-system-keyspace": "true", "data-dir": "", "update-cassandra-yaml": "true" };

async function sample(): Promise<StoppedSample> {
  const node = await StoppedSample.create(2);
  const directories = `data_file_directories: [${node.at("data0")}, ${node.at("data1")}]`;
  await writeTree(node.path, { "conf/cassandra.yaml": `${directories}\n` });
  return node;
}

/** The node's files without the guards, and in how many data directories a guard is. */
async function stateOf(node: StoppedSample) {
  const tree = Object.entries(await node.tree()).filter(([path]) => !path.endsWith(".tmp"));
  const isGuard = ([path]: [string, string]) => path.endsWith(guard);
  return {
    files: Object.fromEntries(tree.filter((entry) => !isGuard(entry))),
    guards: tree.filter(isGuard).length,
  };
}

/** Which data directory has more room, and so gets an SSTable, may change at any moment. */
function comparable(files: object): string {
  const entries = Object.entries(files).map(([path, content]) => `${path.replace(/^data\d/, "data")}: ${content}`);
  return entries.sort().join("\n");
}

beforeEach(() => {
  renames.left = Number.POSITIVE_INFINITY;
  renames.made = 0;
});

afterEach(() => {
  renames.left = Number.POSITIVE_INFINITY;
});

describe("a restore of a whole node", () => {
  it("cut short after any rename leaves a node that is as it was or cannot start, and is finished by the next run", async () => {
    await using first = await sample();
    const before = await stateOf(first);
    await first.restore(whole);
    const [after, steps] = [await stateOf(first), renames.made];
    expect(after.guards).toBe(0);
    let cut = 0;
    for (let step = 0; step < steps; step += 1) {
      await using node = await sample();
      const relative = (files: object) => comparable(files).replaceAll(node.path, first.path);
      renames.left = step;
      await expect(node.restore(whole)).rejects.toThrow();
      renames.left = Number.POSITIVE_INFINITY;
      const midway = await stateOf(node);
      if (relative(midway.files) !== comparable(before.files)) {
        expect([step, midway.guards]).toEqual([step, 2]);
        cut += 1;
      }
      await node.restore(whole);
      const end = await stateOf(node);
      expect([step, end.guards, relative(end.files)]).toEqual([step, 0, comparable(after.files)]);
    }
    expect(cut).toBeGreaterThan(5);
  });

  it("that is refused before the swap lets the node start", async () => {
    await using node = await sample();
    // The journal cannot be written where a directory has its name.
    await mkdir(node.at(`esop-restore/${node.backup}/commitlog`), { recursive: true });
    const segment = `data0/${tableDirectory("t")}`;
    await rename(node.at(segment), node.at("aside"));
    await writeTree(node.path, { [segment]: "no directory" });
    await expect(node.restore(whole)).rejects.toMatchObject({ code: "node-state" });
    expect((await stateOf(node)).guards).toBe(0);
  });

  it("that was interrupted is not continued on other directories", async () => {
    await using finished = await sample();
    await finished.restore(whole);
    await using node = await sample();
    // The last two are of cassandra.yaml and the journal.
    renames.left = renames.made - 4;
    await expect(node.restore(whole)).rejects.toThrow();
    renames.left = Number.POSITIVE_INFINITY;
    expect((await stateOf(node)).guards).toBe(2);
    for (const name of ["commitlog", "hints", "saved_caches"])
      await mkdir(node.at(`other/${name}`), { recursive: true });
    const elsewhere = { ...whole, "cassandra-dir": node.at("other") };
    await expect(node.restore(elsewhere)).rejects.toMatchObject({ code: "usage" });
    await node.restore(whole);
    expect((await stat(node.at(`esop-restore/${node.backup}/journal.json`))).mode & 0o777).toBe(0o600);
  });
});
