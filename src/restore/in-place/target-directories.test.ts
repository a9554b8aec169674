import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeTree } from "../../../test/harness/file-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { findTargets } from "./target-directories.ts";

const [ofBackup, present, former] = ["a", "b", "c"].map((digit) => digit.repeat(32)) as [string, string, string];
const signal = new AbortController().signal;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
  for (const path of ["d1", "d2"]) await mkdir(join(directory.path, path));
});

afterEach(() => directory[Symbol.asyncDispose]());

async function targetOf(
  files: readonly string[],
  more: { readonly keyspace?: string; readonly restored?: boolean; readonly withBase?: boolean } = {},
) {
  await writeTree(directory.path, Object.fromEntries(files.map((path) => [path, ""])));
  const keyspace = more.keyspace ?? "ks";
  const named = { keyspace, table: "t" };
  const table = { ...named, content: { id: ofBackup, sstables: {} }, target: named, withBase: more.withBase ?? false };
  const directories = ["d1", "d2", "not-made-yet"].map((path) => join(directory.path, path));
  const [target, ...others] = await findTargets([table], directories, more.restored ?? false, signal);
  expect(others).toEqual([]);
  return target;
}

async function idOf(...parameters: Parameters<typeof targetOf>) {
  return (await targetOf(...parameters))?.tableId;
}

describe("the table's id on a stopped node", () => {
  it("is that of its directory, in whichever data directory, with SSTables or without", async () => {
    expect(
      await idOf([`d1/ks/t-${present}/nb-1-big-Data.db`, `d2/ks/t-${present}/backups/x`, `d1/ks/u-${former}/x`]),
    ).toBe(present);
  });

  it("is not that of a table that was dropped", async () => {
    expect(
      await idOf([`d1/ks/t-${former}/snapshots/dropped-1-t/nb-1-big-Data.db`, `d2/ks/t-${present}/backups/x`]),
    ).toBe(present);
  });

  it("is that of a directory with SSTables, whatever snapshots it has", async () => {
    expect(await idOf([`d1/ks/t-${present}/snapshots/dropped-by-hand/x`, `d1/ks/t-${present}/nb-1-big-Data.db`])).toBe(
      present,
    );
  });

  it("is the backup's where the schema is restored, and of system tables", async () => {
    expect(await idOf([`d1/ks/t-${present}/nb-1-big-Data.db`], { restored: true })).toBe(ofBackup);
    expect(await idOf([], { keyspace: "system_auth" })).toBe(ofBackup);
  });

  it("is an error where there is none, with what to do on an empty node", async () => {
    await expect(idOf([`d1/ks/t-${former}/snapshots/dropped-1-t/nb-1-big-Data.db`])).rejects.toMatchObject({
      code: "node-state",
      message: "table 'ks.t' does not exist on this node",
      hint: expect.stringContaining("--restore-into-new-cluster"),
    });
  });

  it("is not needed of a view that is selected with its table and was dropped since", async () => {
    const dropped = [`d1/ks/t-${former}/snapshots/dropped-1-t/nb-1-big-Data.db`];
    expect(await targetOf(dropped, { withBase: true })).toBeUndefined();
    expect(await idOf([...dropped, `d1/ks/t-${present}/nb-1-big-Data.db`], { withBase: true })).toBe(present);
  });

  it("is an error where several may be the table's", async () => {
    await expect(
      idOf([`d1/ks/t-${former}/nb-1-big-Data.db`, `d2/ks/t-${present}/nb-1-big-Data.db`]),
    ).rejects.toMatchObject({
      code: "node-state",
      message: "which of 2 directories is table 'ks.t' cannot be told",
    });
  });

  it("is certain where there are SSTables or a truncate's snapshot, and not of an empty directory", async () => {
    const empty = await targetOf([`d1/ks/t-${present}/backups/x`]);
    expect(empty).toMatchObject({ tableId: present, certain: false });
    const truncated = await targetOf([`d2/ks/t-${present}/snapshots/truncated-1-t/manifest.json`]);
    expect(truncated).toMatchObject({ tableId: present, certain: true });
    expect(await targetOf([`d1/ks/t-${present}/nb-1-big-Data.db`])).toMatchObject({ certain: true });
  });
});
