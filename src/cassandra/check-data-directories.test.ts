import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { checkDataDirectories } from "./check-data-directories.ts";
import type { NodeFacts } from "./node.ts";

const system = "system/local-7ad54392bcdd35a684174e047860b377";
let directory: TemporaryDirectory;
let one: string;
let two: string;
let strange: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  [one, two, strange] = [join(directory.path, "one"), join(directory.path, "two"), join(directory.path, "strange")];
  for (const path of [join(one, system), two, join(strange, system)]) await mkdir(path, { recursive: true });
});

afterEach(() => directory[Symbol.asyncDispose]());

function factsOf(...dataDirectories: readonly string[]): NodeFacts {
  return {
    clusterName: "c",
    hostId: "h",
    datacenter: "dc1",
    rack: "r",
    tokens: ["1"],
    schemaVersion: "v",
    releaseVersion: "5.0.0",
    operationMode: "NORMAL",
    dataDirectories,
    commitLogDirectory: "/nowhere/commitlog",
    keyspaces: [],
  };
}

describe("without directories given", () => {
  it("the node's are taken", async () => {
    expect(await checkDataDirectories([], factsOf(one, two))).toEqual([one, two]);
  });

  it("one that is not on this machine is missed", async () => {
    await expect(checkDataDirectories([], factsOf(one, "/nowhere/data"))).rejects.toMatchObject({
      code: "not-found",
      message: "the node's data directory /nowhere/data is not on this machine",
      hint: expect.stringContaining("--data-dir"),
    });
  });
});

describe("directories given", () => {
  it("may be the node's by another path, each is taken once", async () => {
    const link = join(directory.path, "link");
    await symlink(one, link);
    expect(await checkDataDirectories([link, two], factsOf(one, two))).toEqual([link, two]);
    expect(await checkDataDirectories([one, link], factsOf(one))).toEqual([one]);
    expect(await checkDataDirectories([one, `${one}/`, two], factsOf(one, two))).toEqual([one, two]);
  });

  it("must exist and be directories", async () => {
    await writeFile(join(directory.path, "file"), "");
    for (const path of [join(directory.path, "file"), join(directory.path, "missing")]) {
      await expect(checkDataDirectories([path], factsOf(one))).rejects.toMatchObject({
        code: "not-found",
        message: `data directory ${path} does not exist`,
        hint: `the node uses ${one}`,
      });
    }
  });

  it("must be the node's where its own can be seen", async () => {
    await expect(checkDataDirectories([strange], factsOf(one))).rejects.toMatchObject({
      code: "usage",
      message: `${strange} is not a data directory of this node`,
    });
    await expect(checkDataDirectories([one, strange], factsOf(one))).rejects.toMatchObject({ code: "usage" });
  });

  it("must be all of them", async () => {
    await expect(checkDataDirectories([one], factsOf(one, two))).rejects.toMatchObject({
      code: "usage",
      message: "the node has 2 data directories, --data-dir names 1",
    });
    await expect(checkDataDirectories([one, `${one}/.`], factsOf(one, two))).rejects.toMatchObject({ code: "usage" });
  });

  it("may be others where the node sees other paths, if they hold its tables", async () => {
    expect(await checkDataDirectories([strange], factsOf("/var/lib/in-the-container"))).toEqual([strange]);
    await expect(checkDataDirectories([two], factsOf("/var/lib/in-the-container"))).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("does not hold this node's tables"),
    });
    await expect(checkDataDirectories([strange, two], factsOf("/container/1", "/container/2"))).rejects.toMatchObject({
      code: "usage",
      message: `${two} does not hold this node's tables`,
    });
  });

  it("must not be more than the node has, whatever paths it sees", async () => {
    await expect(checkDataDirectories([one, strange], factsOf("/var/lib/in-the-container"))).rejects.toMatchObject({
      code: "usage",
      message: "the node has 1 data directories, --data-dir names 2",
    });
  });
});
