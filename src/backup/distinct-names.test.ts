import { expect, it } from "vitest";
import { withDistinctNames } from "./distinct-names.ts";
import type { LocalTable } from "./local-table.ts";

function tableOf(...names: readonly (readonly [generation: string, digest: string, index?: string])[]): LocalTable {
  const sstables = names.map(([generation, digest, index]) => {
    const baseName = `nb-${generation}-big`;
    const file = { path: digest, name: `${baseName}-Data.db`, sizeBytes: 1, inode: 1n, device: 1n, modifiedNs: 1n };
    return { baseName, generation, index, digest, files: [file] };
  });
  return { keyspace: "ks", table: "t", tableId: "0978d800e67611f19a07dbe54d2f2ac2", schema: undefined, sstables };
}

function namesOf(table: LocalTable): string[] {
  return table.sstables.map(({ files, digest, index = "" }) => `${digest} ${index} ${files[0]?.name}`);
}

it("SSTables with distinct names keep them, also beside an index of the same name", () => {
  const table = tableOf(["1", "a"], ["2", "b"], ["1", "c", ".i"]);
  expect(withDistinctNames(table)).toBe(table);
});

it("SSTables of one name get the lowest free generations, in each index by itself", () => {
  const table = tableOf(["3", "a"], ["3", "b"], ["3", "c"], ["1", "d"], ["7", "e", ".i"], ["7", "f", ".i"]);
  expect(namesOf(withDistinctNames(table))).toEqual([
    "a  nb-3-big-Data.db",
    "b  nb-2-big-Data.db",
    "c  nb-4-big-Data.db",
    "d  nb-1-big-Data.db",
    "e .i nb-7-big-Data.db",
    "f .i nb-1-big-Data.db",
  ]);
});

it("two SSTables of one unique ID are refused", () => {
  const id = "3h5w_0h52_2jir4290kgy0069yj5";
  expect(() => withDistinctNames(tableOf([id, "a"], [id, "b"]))).toThrow(
    `ks.t has two SSTables nb-${id}-big in different directories`,
  );
});
