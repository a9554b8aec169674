import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cycles, doorOf, folderTable, readImports, violations } from "./imports.ts";
import { folders } from "./ranks.ts";

const root = join(import.meta.dirname, "../..");
const graph = readImports(join(root, "src"));

describe("the folders of the sources", () => {
  test("import lower ranks only, by their doors", () => {
    expect(violations(graph, folders)).toEqual([]);
  });

  test("have no import cycle, types included", () => {
    expect(cycles(graph)).toEqual([]);
  });

  test("have doors that do nothing but export", () => {
    const doors = folders.filter(({ path }) => path.endsWith("/")).map(({ path }) => doorOf(path));
    const code = /^(?!export (type )?\{|\s|\}|\/\*|$|\/\/).*/m;
    expect(doors.filter((door) => code.test(readFileSync(join(root, "src", door), "utf8")))).toEqual([]);
  });

  test("stand in ARCHITECTURE.md as in the table of ranks", () => {
    expect(readFileSync(join(root, "ARCHITECTURE.md"), "utf8")).toContain(folderTable(folders));
  });
});

describe("a rule that is broken", () => {
  const broken = (from: string, to: string) => violations(new Map([[from, [to]]]), folders);

  test("is told: a higher rank, a file behind a door, the folder's own door, a later part, a neighbour", () => {
    expect(broken("http/exchange.ts", "storage/storage.ts")).toHaveLength(1);
    expect(broken("backup/run.ts", "storage/s3/s3.ts")).toHaveLength(1);
    expect(broken("storage/open.ts", "storage/storage.ts")).toHaveLength(1);
    expect(broken("storage/contract.ts", "storage/remote/http-get.ts")).toHaveLength(1);
    expect(broken("storage/s3/s3.ts", "storage/gcs/gcs.ts")).toHaveLength(1);
    expect(broken("new-folder/file.ts", "errors.ts")).toHaveLength(1);
    expect(broken("storage/s3/s3.ts", "storage/remote/http-get.ts")).toEqual([]);
  });

  test("is told: a cycle", () => {
    const circle = new Map([
      ["a.ts", ["b.ts"]],
      ["b.ts", ["c.ts"]],
      ["c.ts", ["b.ts"]],
    ]);
    expect(cycles(circle)).toEqual([["b.ts", "c.ts", "b.ts"]]);
  });
});
