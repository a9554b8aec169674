import { chown, mkdir, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../test/harness/file-tree.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import {
  checkSpace,
  deviceOf,
  existingDirectories,
  existingParent,
  filesBelow,
  freeBytes,
  makeDirectory,
  moveFile,
  ownerToPreserve,
  removeRestoreDirectory,
} from "./directories.ts";

const root = process.geteuid?.() === 0;
let directory: TemporaryDirectory;
const at = (path: string) => join(directory.path, path);

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

describe("moving a file", () => {
  it("renames it, and has done so when it is asked again", async () => {
    await writeTree(directory.path, { a: "x", "to/other": "y" });
    await moveFile(at("a"), at("to/a"));
    await moveFile(at("a"), at("to/a"));
    expect(await readTree(directory.path)).toEqual({ "to/a": "x", "to/other": "y" });
  });

  it("replaces nothing", async () => {
    await writeTree(directory.path, { a: "new", b: "old" });
    await symlink("nowhere", at("link"));
    for (const target of ["b", "link"]) {
      await expect(moveFile(at("a"), at(target))).rejects.toMatchObject({ code: "already-exists" });
    }
    await rm(at("link"));
    expect(await readTree(directory.path)).toEqual({ a: "new", b: "old" });
  });

  it("that is nowhere is an error, and so is a directory that is not there", async () => {
    await expect(moveFile(at("a"), at("b"))).rejects.toMatchObject({ code: "not-found" });
    await writeTree(directory.path, { a: "x" });
    await expect(moveFile(at("a"), at("to/a"))).rejects.toMatchObject({ code: "not-found" });
    expect(await readTree(directory.path)).toEqual({ a: "x" });
  });
});

describe("making directories", () => {
  it("makes the parents too, and is content with what there is", async () => {
    await makeDirectory(at("a/b/c"), undefined);
    await makeDirectory(at("a/b/c"), undefined);
    expect((await stat(at("a/b/c"))).isDirectory()).toBe(true);
    await writeTree(directory.path, { file: "" });
    await expect(makeDirectory(at("file/x"), undefined)).rejects.toMatchObject({ code: "io" });
  });

  it.runIf(root)("gives those it made, and no others, to the owner of Cassandra's files", async () => {
    await mkdir(at("data"));
    expect(await ownerToPreserve(at("data"))).toBeUndefined();
    await chown(at("data"), 1234, 5678);
    const owner = await ownerToPreserve(at("data"));
    expect(owner).toEqual({ uid: 1234, gid: 5678 });
    await mkdir(at("there"));
    await makeDirectory(at("there/a/b"), owner);
    const uids = await Promise.all(["there", "there/a", "there/a/b"].map(async (path) => (await stat(at(path))).uid));
    expect(uids).toEqual([0, 1234, 1234]);
  });
});

describe("room", () => {
  it("is that of the file system a path will be on", async () => {
    await writeTree(directory.path, { "a/file": "" });
    expect(await existingParent(at("a/b/c"))).toBe(at("a"));
    expect(await existingParent(at("a/file/c"))).toBe(at("a/file"));
    expect(await deviceOf(at("not/yet/there"))).toBe((await stat(directory.path)).dev);
    expect(await freeBytes(at("not/yet"))).toBeGreaterThan(0);
  });

  it("that does not suffice is named before anything is written", async () => {
    await checkSpace(at("x"), 1);
    await expect(checkSpace(at("x"), 2 ** 60)).rejects.toMatchObject({
      code: "no-space",
      message: expect.stringContaining(`below ${at("x")}`),
    });
  });
});

describe("looking around", () => {
  it("gives every file below a directory, of none nothing", async () => {
    await writeTree(directory.path, { "a/b/c": "", "a/.d/e": "", f: "" });
    expect((await filesBelow(directory.path)).sort()).toEqual(["a/.d/e", "a/b/c", "f"].map(at));
    expect(await filesBelow(at("none"))).toEqual([]);
    expect(await existingDirectories([at("none"), at("a")])).toEqual([at("a")]);
  });

  it("clears a restore's directory, and the one they share when it was the last", async () => {
    await writeTree(directory.path, { "esop-restore/one/x": "", "esop-restore/two/y": "", "other/z/x": "" });
    await removeRestoreDirectory(at("esop-restore/one"));
    expect(Object.keys(await readTree(directory.path))).toEqual(["esop-restore/two/y", "other/z/x"]);
    await removeRestoreDirectory(at("esop-restore/two"));
    expect(await existingDirectories([at("esop-restore")])).toEqual([]);
    await removeRestoreDirectory(at("other/z"));
    await removeRestoreDirectory(at("esop-restore/gone"));
    expect(await existingDirectories([at("other"), at("other/z")])).toEqual([at("other")]);
  });
});
