import { describe, expect, it } from "vitest";
import { AppError } from "../errors.ts";
import { type BackupRequest, verbs } from "../request/request.ts";
import { type CommandContext, type Commands, programCommand } from "./command.ts";
import { commands as installed } from "./commands.ts";
import type { FileAccess } from "./config.ts";
import { run } from "./program.ts";

interface World {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Of files and directories that are not of root with 0644. */
  readonly access?: Readonly<Record<string, Partial<FileAccess>>>;
  readonly userId?: number;
  readonly commands?: Commands;
  readonly signal?: AbortSignal;
}

async function runIn(world: World, ...argv: string[]) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    isTerminal: false,
    colors: false,
    columns: 80,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = {
    stdout: sink("out"),
    stderr: sink("err"),
    environment: world.environment ?? {},
    homeDirectory: "/home/op",
    version: "1.2.3",
    clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
    random: () => 0,
    randomBytes: (size: number) => new Uint8Array(size),
    every: () => () => undefined,
    signal: world.signal ?? new AbortController().signal,
    userId: world.userId ?? 1000,
    fileAccess: async (path: string) =>
      Object.keys(world.files ?? {}).some((file) => file.startsWith(path))
        ? { ownerId: 0, groupId: 0, mode: 0o644, ...world.access?.[path] }
        : undefined,
    readFile: async (path: string) => {
      const text = world.files?.[path];
      if (text === undefined) throw new AppError("not-found", `cannot read ${path}: no such file or directory`);
      return text;
    },
  };
  const status = await run(argv, io, world.commands ?? installed);
  return { status, ...written };
}

/** Commands of which the backup does as told, and keeps what it was given. */
function backupCommands(act: (context: CommandContext) => void = () => undefined) {
  const requests: BackupRequest[] = [];
  const backup = programCommand(verbs.backup, async () => ({
    run: async (request, context) => {
      requests.push(request);
      act(context);
    },
  }));
  return { commands: { ...installed, backup }, requests };
}

describe("run", () => {
  it("without a command shows the commands as a failure", async () => {
    const { status, out, err } = await runIn({});
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain("usage: esop COMMAND");
  });

  it("prints help and version as results", async () => {
    expect(await runIn({}, "help")).toMatchObject({
      status: 0,
      err: "",
      out: expect.stringContaining("exit statuses"),
    });
    expect((await runIn({}, "backup", "--help")).out).toMatch(/^esop backup: /);
    expect(await runIn({}, "version")).toEqual({ status: 0, out: "esop 1.2.3\n", err: "" });
    expect((await runIn({}, "-V", "--json")).out).toBe('{"type":"version","version":"1.2.3"}\n');
  });

  it("gives a command its request and its context", async () => {
    const { commands, requests } = backupCommands((context) => {
      context.output.result({ type: "seen", debug: context.output.settings.debug }, "seen");
      context.log.debug("a detail");
    });
    const world = { commands, environment: { ESOP_DEBUG: "1" } };
    const done = await runIn(world, "backup", "--sl", "s3://b/c/d/n", "--dry-run", "--json");
    expect(done.status).toBe(0);
    expect(JSON.parse(done.out)).toEqual({ type: "seen", debug: true });
    expect(done.err).toBe("1970-01-01T00:00:00Z debug: a detail\n");
    expect(requests).toMatchObject([{ storageLocation: { bucket: "b" }, dryRun: true, cacheDir: "/home/op/.esop" }]);
  });

  it("lets flags win over the environment, that over the file's section, and that over its top", async () => {
    const files = {
      "/e.yaml":
        "storage-location: s3://top\ntimeout: 1\nbandwidth: 1k\nentities: top\nbackup: {timeout: 2, bandwidth: 2k, entities: section}\n",
    };
    const environment = { ESOP_CONFIG_FILE: "/e.yaml", ESOP_TIMEOUT: "3", ESOP_BANDWIDTH: "3k" };
    const { commands, requests } = backupCommands();
    expect(await runIn({ commands, files, environment }, "backup", "--bandwidth", "4k")).toMatchObject({ status: 0 });
    expect(requests).toMatchObject([
      {
        storageLocation: { bucket: "top" },
        entities: { keyspaces: ["section"] },
        timeoutMs: 3 * 3_600_000,
        bandwidthBytesPerSecond: 4096,
        concurrentConnections: 10,
      },
    ]);
  });

  describe("with a configuration file of the machine", () => {
    const systemFile = "/etc/esop/esop.yaml";
    const files = { [systemFile]: "storage-location: s3://machine", "/e.yaml": "storage-location: s3://named" };
    const backUp = async (world: World, ...argv: string[]) => {
      const { commands, requests } = backupCommands();
      const ended = await runIn({ commands, files, ...world }, "backup", ...argv);
      return { ...ended, bucket: requests[0]?.storageLocation.bucket };
    };

    it("reads it unless another is named", async () => {
      expect(await backUp({})).toMatchObject({ status: 0, err: "", bucket: "machine" });
      expect(await backUp({}, "--config-file", "/e.yaml")).toMatchObject({ status: 0, bucket: "named" });
      expect(await backUp({ environment: { ESOP_CONFIG_FILE: "/e.yaml" } })).toMatchObject({ bucket: "named" });
      expect(await backUp({ files: {} })).toMatchObject({ status: 2, err: expect.stringContaining("is missing") });
    });

    it.each<[string, Partial<FileAccess>, number]>([
      [systemFile, { mode: 0o646 }, 1000],
      [systemFile, { mode: 0o664, groupId: 100 }, 1000],
      [systemFile, { ownerId: 1001 }, 1000],
      [systemFile, { ownerId: 1000 }, 0],
      ["/etc/esop", { mode: 0o777 }, 1000],
      ["/etc/esop", { ownerId: 1001, mode: 0o755 }, 1000],
    ])("refuses it where others may change it: %s, %j, as user %d", async (path, access, userId) => {
      const refused = await backUp({ access: { [path]: access }, userId });
      expect(refused).toMatchObject({ status: 2, bucket: undefined });
      expect(refused.err).toContain(`${path} can be changed by users other than root`);
      expect(refused.err).toContain("hint: ");
    });

    it.each<[Partial<FileAccess>, number]>([
      [{ ownerId: 1000, mode: 0o600 }, 1000],
      [{ mode: 0o664 }, 1000],
      [{ mode: 0o600 }, 0],
    ])("takes it where only root and we may change it: %j, as user %d", async (access, userId) => {
      expect(await backUp({ access: { [systemFile]: access }, userId })).toMatchObject({ status: 0 });
    });

    const secret = "storage-location: s3://machine\njmx-user: u\njmx-password: tiger\n";

    it("refuses passwords in it that every user can read, for whichever command", async () => {
      for (const text of [secret, "storage-location: s3://b\nrestore: {jmx-user: u, jmx-password: tiger}"]) {
        const refused = await backUp({ files: { [systemFile]: text } });
        expect(refused).toMatchObject({ status: 2, bucket: undefined });
        expect(refused.err).toContain("holds jmx-password, and every user can read it");
        expect(refused.err).not.toContain("tiger");
        const access = { [systemFile]: { mode: 0o640 } };
        expect(await backUp({ files: { [systemFile]: text }, access })).toMatchObject({ status: 0 });
      }
    });

    it("warns of them in a file that is named", async () => {
      const { status, err } = await backUp({ files: { "/e.yaml": secret } }, "--config-file", "/e.yaml");
      expect([status, err]).toEqual([0, expect.stringMatching(/warning: \/e\.yaml holds jmx-password.*chmod o-r/)]);
    });
  });

  it("turns a failure into its sentence, hint and exit status", async () => {
    const { commands } = backupCommands(() => {
      throw new AppError("node-state", "the node is joining", { hint: "wait until it has joined" });
    });
    expect(await runIn({ commands }, "backup", "--sl", "s3://b")).toEqual({
      status: 8,
      out: "",
      err: "esop: the node is joining\nhint: wait until it has joined\n",
    });
  });

  it("takes what is no AppError for a defect, and shows its stack only with debug", async () => {
    const { commands } = backupCommands(() => {
      throw new TypeError("x is not a function");
    });
    const plain = await runIn({ commands }, "backup", "--sl", "s3://b");
    expect([plain.status, plain.err]).toEqual([
      1,
      expect.stringMatching(/^esop: unexpected error: x is not.*\nhint: .*\n$/),
    ]);
    const debugged = await runIn({ commands }, "backup", "--sl", "s3://b", "--debug");
    expect(debugged.err).toContain("caused by: TypeError: x is not a function\n    at ");
  });

  it("tells failures as JSON, wherever it was asked for", async () => {
    const failures = await Promise.all([
      runIn({}, "backup", "--nope", "--json"),
      runIn({ environment: { ESOP_JSON: "true" } }, "bakcup"),
      runIn({ files: { f: "json: true" } }, "backup", "--config-file", "f"),
      runIn({ files: { f: "nope: 1" } }, "backup", "--config-file", "f", "--json"),
    ]);
    for (const { status, out, err } of failures) {
      expect(status).toBe(2);
      expect(JSON.parse(out)).toMatchObject({ type: "error", code: "usage", exit: 2 });
      expect(err).toBe("");
    }
  });

  it("passes the signal on, and tells an abort as cancelled", async () => {
    const abort = new AbortController();
    const { commands } = backupCommands((context) => {
      abort.abort();
      context.signal.throwIfAborted();
    });
    const done = await runIn({ commands, signal: abort.signal }, "backup", "--sl", "s3://b");
    expect(done).toEqual({ status: 130, out: "", err: "esop: cancelled\n" });
  });

  it("refuses to run with the verification of certificates turned off", async () => {
    const { commands, requests } = backupCommands();
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const { status, err } = await runIn({ commands, environment }, "backup", "--sl", "s3://b");
    expect([status, requests]).toEqual([2, []]);
    expect(err).toMatch(/^esop: NODE_TLS_REJECT_UNAUTHORIZED=0 turns off .*\nhint: .*--ca-file.*--jmx-truststore/);
    expect(await runIn({ environment }, "help")).toMatchObject({ status: 0 });
    const on = { NODE_TLS_REJECT_UNAUTHORIZED: "1" };
    expect(await runIn({ commands, environment: on }, "backup", "--sl", "s3://b")).toMatchObject({ status: 0 });
  });

  it("warns of variables that look mistyped", async () => {
    const { commands } = backupCommands();
    const environment = { ESOP_BANDWITH: "1k" };
    const { err } = await runIn({ commands, environment }, "backup", "--sl", "s3://b");
    expect(err).toContain("warning: unknown environment variable ESOP_BANDWITH, did you mean ESOP_BANDWIDTH\n");
  });

  it("says which file it cannot read, and which command is not there", async () => {
    const missing = await runIn({}, "backup", "--config-file", "/nope");
    expect([missing.status, missing.err]).toEqual([3, "esop: cannot read /nope: no such file or directory\n"]);
    expect((await runIn({}, "demo")).err).toMatch(/^esop: unknown command 'demo'\n/);
  });
});
