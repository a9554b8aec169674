import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeTree } from "../../../test/harness/file-tree.ts";
import { requestOf } from "../../../test/harness/request-of.ts";
import { quietLog } from "../../../test/harness/sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { stoppedNode } from "./stopped-node.ts";

let directory: TemporaryDirectory;
const at = (path: string) => join(directory.path, path);

beforeEach(async () => {
  directory = await temporaryDirectory();
  for (const path of ["d1", "d2", "conf"]) await mkdir(at(path));
});

afterEach(() => directory[Symbol.asyncDispose]());

async function config(text: string): Promise<void> {
  await writeTree(directory.path, { "conf/cassandra.yaml": text });
}

const full = () =>
  config(
    [
      `data_file_directories: [${at("d1")}, ${at("d2")}, ${at("not-made-yet")}]`,
      `commitlog_directory: ${at("logs")}`,
      `hints_directory: ${at("hints")}`,
      `saved_caches_directory: ${at("caches")}`,
    ].join("\n"),
  );

function stopped(flags: Readonly<Record<string, string | readonly string[]>> = {}) {
  const location = { "storage-location": "s3://b/c/d/n", "snapshot-tag": "s", "config-directory": at("conf") };
  return stoppedNode(requestOf("restore", { ...location, ...flags }), quietLog);
}

describe("where everything of a stopped node is", () => {
  it("is what its cassandra.yaml says, directories that are not made yet included", async () => {
    await full();
    expect(await stopped()).toMatchObject({
      dataDirectories: [at("d1"), at("d2"), at("not-made-yet")],
      systemDirectory: at("d1"),
      commitLogDirectory: at("logs"),
      hintsDirectory: at("hints"),
      savedCachesDirectory: at("caches"),
      configFile: { path: at("conf/cassandra.yaml") },
    });
  });

  it("is what the flags say, with no cassandra.yaml at all", async () => {
    expect(await stopped({ "data-dir": [at("d1"), at("d2")], "cassandra-dir": at("base") })).toEqual({
      dataDirectories: [at("d1"), at("d2")],
      systemDirectory: undefined,
      commitLogDirectory: at("base/commitlog"),
      hintsDirectory: at("base/hints"),
      savedCachesDirectory: at("base/saved_caches"),
      configFile: undefined,
    });
  });

  it("may have a directory of its own for system tables", async () => {
    await config(`data_file_directories: [${at("d1")}]\nlocal_system_data_file_directory: ${at("system")}\n`);
    expect(await stopped({ "cassandra-dir": at("base") })).toMatchObject({ systemDirectory: at("system") });
  });
});

describe("what cannot be told, or cannot be right, is refused", () => {
  const refusal = async (flags: Readonly<Record<string, string | readonly string[]>> = {}) =>
    stopped(flags).then(
      () => "not refused",
      (error: unknown) => error,
    );

  it("a missing cassandra.yaml where it is needed", async () => {
    expect(await refusal()).toMatchObject({
      code: "not-found",
      message: expect.stringContaining(at("conf/cassandra.yaml")),
    });
    const flags = { "data-dir": at("d1"), "cassandra-dir": at("base"), "update-cassandra-yaml": "true" };
    expect(await refusal(flags)).toMatchObject({ code: "not-found", hint: "check --config-directory" });
  });

  it("a damaged one", async () => {
    await config("a: [");
    expect(await refusal({ "data-dir": at("d1"), "cassandra-dir": at("base") })).toMatchObject({ code: "corrupt" });
  });

  it("no data directories, or none that exist", async () => {
    await config("cluster_name: x\n");
    expect(await refusal({ "cassandra-dir": at("base") })).toMatchObject({ code: "usage", hint: "give --data-dir" });
    await writeTree(directory.path, { file: "" });
    for (const path of ["missing", "file"]) {
      expect(await refusal({ "data-dir": at(path), "cassandra-dir": at("base") })).toMatchObject({
        code: "not-found",
        message: expect.stringContaining(at(path)),
      });
    }
  });

  it("fewer data directories than the node has, however they are counted", async () => {
    await full();
    const complaint = { code: "usage", message: "the node has 3 data directories, --data-dir names 2" };
    expect(await refusal({ "data-dir": [at("d1"), at("d2")] })).toMatchObject(complaint);
  });

  it("no place of the commit log", async () => {
    await config(`data_file_directories: [${at("d1")}]\n`);
    expect(await refusal()).toMatchObject({
      code: "usage",
      message: "where this node's commitlog directory is cannot be told",
    });
  });

  it.runIf(process.platform === "linux")("a node that is running after all", async () => {
    await full();
    await writeTree(directory.path, { "logs/CommitLog-7-1.log": "" });
    const program = `require("fs").openSync(${JSON.stringify(at("logs/CommitLog-7-1.log"))}); console.log("open"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(child.stdout, "data");
      expect(await refusal()).toMatchObject({
        code: "node-state",
        message: `process ${child.pid} is using this node's files; IN_PLACE needs a stopped node`,
      });
    } finally {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    expect(await stopped()).toMatchObject({ dataDirectories: [at("d1"), at("d2"), at("not-made-yet")] });
  });
});
