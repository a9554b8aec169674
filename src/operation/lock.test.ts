import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../log.ts";
import { type Holder, thisProcess } from "./holder.ts";
import { acquireLock } from "./lock.ts";
import { lockFile } from "./lock-file.ts";
import { cacheLockFile } from "./lock-names.ts";

const freshName = () => `esop/test/${randomUUID()}`;
const source = (file: string) => new URL(file, import.meta.url).href;
const linux = process.platform === "linux";
/** Other namespaces, as containers have them, need root. */
const namespaces = linux && process.geteuid?.() === 0;
let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory[Symbol.asyncDispose]());

const lock = (name: string, cacheDir = directory.path, more: { readonly files?: readonly string[] } = {}) =>
  acquireLock({ name, subject: "it", verb: "test", cacheDir, clock: systemClock, log: silentLogger, ...more });

/** Another process that holds the name; `prefix` is a command that runs it. */
async function otherHolder(name: string, prefix: readonly string[] = []) {
  const program = `import { acquireLock } from ${JSON.stringify(source("./lock.ts"))};
    import { systemClock } from ${JSON.stringify(source("../clock.ts"))};
    import { silentLogger } from ${JSON.stringify(source("../log.ts"))};
    await acquireLock({ name: ${JSON.stringify(name)}, subject: "it", verb: "backup",
      cacheDir: ${JSON.stringify(directory.path)}, clock: systemClock, log: silentLogger });
    console.log("held");
    setInterval(() => {}, 1000);`;
  const [command = "", ...args] = [...prefix, process.execPath, "--input-type=module", "-e", program];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const gone = once(child, "close");
  const kill = async () => {
    child.kill("SIGKILL");
    await gone;
  };
  return { pid: child.pid, kill, [Symbol.asyncDispose]: kill };
}

/** The files of a lock in the cache directory. */
const lockFiles = () => readdir(join(directory.path, "locks"));

describe("a lock", () => {
  it("is held once at a time, and leaves no file when it is released", async () => {
    const name = freshName();
    {
      await using _held = await lock(name);
      await expect(lock(name)).rejects.toMatchObject({
        code: "busy",
        message: expect.stringMatching(
          `^it is in use by test, process ${process.pid} of user .+ on host .+, since \\d{4}-`,
        ),
      });
      await using _other = await lock(freshName());
    }
    expect(await lockFiles()).toEqual([]);
    await using _again = await lock(name);
  });

  it("has one holder of many that ask at once", async () => {
    const name = freshName();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lock(name)));
    const held = asked.filter((result) => result.status === "fulfilled");
    expect(held).toHaveLength(1);
    for (const { value } of held) await value[Symbol.asyncDispose]();
  });

  it("excludes other processes, and is taken over from one that was killed", async () => {
    const name = freshName();
    await using other = await otherHolder(name);
    await expect(lock(name)).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining(`backup, process ${other.pid} of user`),
    });
    await other.kill();
    await using _held = await lock(name);
  });

  it.runIf(namespaces)(
    "excludes containers with another network and other processes that share the directory",
    async () => {
      const name = freshName();
      await using other = await otherHolder(name, [
        "unshare",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
      ]);
      const file = cacheLockFile(directory.path, name);
      await expect(lock(name)).rejects.toMatchObject({
        code: "busy",
        message: expect.stringContaining("backup, process 1 of user"),
        hint: expect.stringContaining(`if that process has ended, delete ${file}`),
      });
      await other.kill();
      await using _held = await lock(name);
    },
  );

  it("excludes by a further file where the cache directories are others", async () => {
    const files = [join(directory.path, "data.lock")];
    await using _held = await lock(freshName(), join(directory.path, "a"), { files });
    await expect(lock(freshName(), join(directory.path, "b"), { files })).rejects.toMatchObject({ code: "busy" });
  });

  it("does without a directory that cannot be written if something else excludes others", async () => {
    const files = [join(directory.path, "missing", "data.lock")];
    await using _held = await lock(freshName(), directory.path, { files });
  });

  it("tells long names apart", async () => {
    const long = freshName() + "x".repeat(300);
    await using _held = await lock(`${long}1`);
    await using _other = await lock(`${long}2`);
    await expect(lock(`${long}1`)).rejects.toMatchObject({ code: "busy" });
    await using _wide = await lock(`${freshName()}${"ü".repeat(80)}`);
  });
});

describe.runIf(linux)("a socket of the lock's name", () => {
  async function squat(name: string, answer: (socket: Socket) => void) {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(`\0${name}`, resolve));
    return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
  }

  it("that is not esop's is reported with its process, and holds up nobody", async () => {
    const name = freshName();
    await using _squatter = await squat(name, (socket) => socket.destroy());
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => warnings.push(message) };
    const options = { name, subject: "it", verb: "test", cacheDir: directory.path, clock: systemClock, log };
    await using _held = await acquireLock(options);
    expect(warnings).toEqual([expect.stringMatching(`^process ${process.pid} \\(.+\\) of user ID .+ is not esop`)]);
    await expect(acquireLock(options)).rejects.toMatchObject({ code: "busy" });
  });

  it("excludes users whose cache directories are others", async () => {
    const name = freshName();
    await using _held = await lock(name, join(directory.path, "a"));
    await expect(lock(name, join(directory.path, "b"))).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining(`test, process ${process.pid}`),
    });
  });
});

describe("a lock file", () => {
  const self = () => thisProcess("test", 0);
  const path = () => join(directory.path, "lock");
  const leave = (holder: Holder) => writeFile(path(), JSON.stringify(holder));
  const gone = { ...self(), pid: 2 ** 22 + 1 };

  it.runIf(linux).each<[string, Holder]>([
    ["a process ID that is free", gone],
    ["a process ID that another process has now", { ...self(), startTime: "1" }],
  ])("is taken over if %s proves that the holder has ended", async (_, holder) => {
    await leave(holder);
    const { held } = await lockFile(path(), self());
    await held?.[Symbol.asyncDispose]();
    expect(held).toBeDefined();
    expect(await readdir(directory.path)).toEqual([]);
  });

  it.runIf(linux).each<[string, Holder]>([
    ["of another PID namespace without a socket", { ...gone, pidNamespace: "pid:[1]" }],
    ["of another boot, or another machine of this host name", { ...gone, bootId: "other", pidNamespace: "pid:[1]" }],
    ["of another host", { ...gone, host: "elsewhere", bootId: "other" }],
    ["of this process", self()],
  ])("%s is never taken over", async (_, holder) => {
    await leave(holder);
    const before = await readFile(path(), "utf8");
    expect(await lockFile(path(), self())).toMatchObject({
      held: undefined,
      path: path(),
      holder: expect.stringContaining(`on host ${holder.host}`),
    });
    expect(await readFile(path(), "utf8")).toBe(before);
    expect(await readdir(directory.path)).toEqual(["lock"]);
  });

  it.each([
    ["that is empty", ""],
    ["that is not JSON", "held\u001b[2J"],
    ["whose text would control a terminal", JSON.stringify({ ...self(), host: "\u001b[2J" })],
  ])("%s names an unknown holder and is never taken over", async (_, content) => {
    await writeFile(path(), content);
    expect(await lockFile(path(), self())).toEqual({ held: undefined, holder: "an unknown process", path: path() });
  });

  it("that is a directory, or in a directory that is missing, is never taken for held", async () => {
    await mkdir(path());
    expect(await lockFile(path(), self())).toMatchObject({ held: undefined });
    await expect(lockFile(join(directory.path, "missing", "lock"), self())).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("left by a dead process has one new holder of many that ask at once, or none, and never two", async () => {
    for (let round = 0; round < 20; round++) {
      await leave(gone);
      const asked = await Promise.all(Array.from({ length: 6 }, () => lockFile(path(), self())));
      const held = asked.flatMap(({ held }) => (held === undefined ? [] : [held]));
      expect(held.length).toBeLessThanOrEqual(1);
      for (const each of held) await each[Symbol.asyncDispose]();
      if (held.length === 0) expect(await readdir(directory.path)).toEqual(["lock"]);
    }
  });
});
