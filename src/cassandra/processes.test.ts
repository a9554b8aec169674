import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { findProcessUsing } from "./processes.ts";

const processUsing = async (directories: readonly string[]) => (await findProcessUsing(directories)).found?.pid;

let directory: TemporaryDirectory;
let child: ChildProcess;

beforeEach(async () => {
  directory = await temporaryDirectory();
  await mkdir(join(directory.path, "data/ks"), { recursive: true });
  await mkdir(join(directory.path, "database"));
  const file = join(directory.path, "data/ks/nb-1-big-Data.db");
  await writeFile(file, "");
  const program = `require("fs").openSync(${JSON.stringify(file)}); console.log("open"); setInterval(() => {}, 1000)`;
  child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout !== null) await once(child.stdout, "data");
});

afterEach(async () => {
  const gone = once(child, "exit");
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await gone;
  }
  await directory[Symbol.asyncDispose]();
});

describe.runIf(process.platform === "linux")("who has files open below a directory", () => {
  it("is found at any depth, also through a symbolic link and with a trailing slash", async () => {
    const data = join(directory.path, "data");
    expect(await processUsing([data])).toBe(child.pid);
    expect(await processUsing(["/nowhere", `${data}/`])).toBe(child.pid);
    const link = join(directory.path, "link");
    await symlink(data, link);
    expect(await processUsing([link])).toBe(child.pid);
  });

  it("is nobody for a directory whose name merely begins so, an empty list, or once the process is gone", async () => {
    expect(await processUsing([join(directory.path, "database"), join(directory.path, "dat")])).toBeUndefined();
    expect(await processUsing([])).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await processUsing([directory.path])).toBeUndefined();
  });
});

describe.runIf(process.platform === "linux")("a Cassandra that has no data open yet", () => {
  it("is found as one that is starting, until it has a commit log of its own open", async () => {
    const daemon = "org.apache.cassandra.service.CassandraDaemon";
    const spawnNode = async (program: string) => {
      const started = spawn(process.execPath, ["-e", program, daemon, `${conf}:/usr/share/java/x.jar`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(started.stdout, "data");
      return started;
    };
    const [elsewhere, conf] = [join(directory.path, "elsewhere"), join(directory.path, "conf")];
    await mkdir(elsewhere);
    await mkdir(conf);
    const look = () => findProcessUsing([join(directory.path, "database")], `${conf}/`);
    const segment = join(elsewhere, "CommitLog-7-1.log");
    await writeFile(segment, "");
    const wait = 'console.log("up"); setInterval(() => {}, 1000)';
    const started = [await spawnNode(wait)];
    try {
      expect((await look()).found).toEqual({ pid: started[0]?.pid, kind: "starting" });
      expect((await findProcessUsing([join(directory.path, "database")], elsewhere)).found).toBeUndefined();
      started[0]?.kill("SIGKILL");
      if (started[0] !== undefined) await once(started[0], "exit");
      started.push(await spawnNode(`require("fs").openSync(${JSON.stringify(segment)}); ${wait}`));
      expect((await look()).found).toBeUndefined();
    } finally {
      for (const each of started) each.kill("SIGKILL");
    }
  });
});
