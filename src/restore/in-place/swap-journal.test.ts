import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { readJournal, writeJournal } from "../journal.ts";
import { parseSwapJournal } from "./swap-journal.ts";

const tableId = "0978d800e67611f19a07dbe54d2f2ac2";
const otherId = "19a650a0e67611f19a07dbe54d2f2ac2";
const table = `ks/t-${tableId}`;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

describe("a journal", () => {
  const journal = {
    done: false,
    tables: ["ks.t"],
    directories: { data: ["/d"], commitlog: "/c", hints: "/h", saved_caches: "/s" },
    aside: [
      [0, `${table}/nb-1-big-Data.db`],
      [0, `${table}/.idx/nb-1-big-Data.db`],
      ["hints", "1.hints"],
    ],
    asideDone: false,
    mask: { segments: ["CommitLog-7-1.log"], wanted: [tableId], foreign: [] },
    kept: { commitlog: "commitlog", hints: "hints.12", saved_caches: "saved_caches" },
  };

  it("is read back as it was written", () => {
    expect(parseSwapJournal(journal)).toEqual(journal);
  });

  it.each([
    null,
    [],
    "x",
    {},
    { ...journal, done: "no" },
    { ...journal, tables: undefined },
    { ...journal, directories: { ...journal.directories, hints: undefined } },
    { ...journal, aside: [[0]] },
    { ...journal, aside: [[0, 1]] },
    { ...journal, aside: "x" },
    { ...journal, asideDone: undefined },
    { ...journal, mask: null },
    { ...journal, mask: { segments: [], wanted: [] } },
    { ...journal, mask: { ...journal.mask, wanted: [1] } },
    { ...journal, kept: undefined },
  ])("of another form is none: %j", (value) => {
    expect(parseSwapJournal(value)).toBeUndefined();
  });

  const aside = (...file: readonly unknown[]) => ({ ...journal, aside: [file] });
  it.each([
    aside(0, "/etc/shadow"),
    aside(0, `../${table}/nb-1-big-Data.db`),
    aside(0, `${table}/../x`),
    aside(0, `${table}/..`),
    aside(0, `${table}/snapshots/s/x`),
    aside(0, `${table}/../../../etc/shadow`),
    aside(0, `ks/u-${otherId}/nb-1-big-Data.db`),
    aside(1, `${table}/nb-1-big-Data.db`),
    aside("hints", "../../etc/shadow"),
    aside("commitlog", ".."),
    aside("elsewhere", "x"),
    { ...journal, mask: { ...journal.mask, segments: ["../../etc/shadow"] } },
    { ...journal, kept: { ...journal.kept, hints: "../../root" } },
    { ...journal, kept: { ...journal.kept, hints: "hints./../x.1" } },
  ])("that names a file outside the restored tables and the node's folders is none: %j", (value) => {
    expect(parseSwapJournal(value)).toBeUndefined();
  });

  it("lies in a directory that is made for it, and is all or nothing", async () => {
    const path = join(directory.path, "a/b/journal.json");
    expect(await readJournal(path, parseSwapJournal)).toBeUndefined();
    await writeJournal(path, journal);
    await writeJournal(path, { ...journal, done: true });
    expect(await readJournal(path, parseSwapJournal)).toEqual({ ...journal, done: true });
    expect(Object.keys(await readTree(dirname(path)))).toEqual(["journal.json"]);
  });

  it("that is damaged is an error that says which", async () => {
    const path = join(directory.path, "journal.json");
    for (const text of ["", "{", "{}", "null"]) {
      await writeTree(directory.path, { "journal.json": text });
      await expect(readJournal(path, parseSwapJournal)).rejects.toMatchObject({
        code: "corrupt",
        message: `the restore's journal ${path} is damaged`,
      });
    }
    await expect(writeJournal(join(path, "below/x.json"), {})).rejects.toMatchObject({ code: "io" });
  });
});
