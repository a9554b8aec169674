import { describe, expect, it } from "vitest";
import { AppError } from "../errors.ts";
import { type BackupRequest, verbs } from "../request/request.ts";
import { type CommandContext, type Commands, programCommand } from "./command.ts";
import { commands as installed } from "./commands.ts";
import { run } from "./program.ts";

interface World {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
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
