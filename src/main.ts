/**
 * The process: the only reader of arguments and environment, the only caller of exit. Asked for the version alone, it
 * loads next to nothing.
 */
import { randomBytes } from "node:crypto";
import { fstatSync, readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { constants, homedir } from "node:os";
import type { Commands, ProgramIo, ProgramOutput, TextSink } from "./cli/cli.ts";
import { systemClock } from "./clock.ts";
import { AppError, errorTable, fileError, systemErrorCode, toAppError } from "./errors.ts";

/** What still holds the process after the command has ended gets this long. */
const graceMs = 500;
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const argv = process.argv.slice(2);

function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const known = typeof description === "object" && description !== null && "version" in description;
  return known ? String(description.version) : "unknown";
}

function sink(stream: NodeJS.WriteStream, descriptor: number): TextSink {
  const { NO_COLOR: noColor, TERM: terminal } = process.env;
  const isTerminal = stream.isTTY === true;
  return {
    isTerminal,
    isJournal: !isTerminal && isJournal(descriptor),
    colors: isTerminal && (noColor ?? "") === "" && terminal !== "dumb",
    get columns() {
      return stream.columns ?? 80;
    },
    write: (text) => {
      stream.write(text);
    },
  };
}

/** systemd names the journal's socket by device and inode, as standard error may have been redirected since. */
function isJournal(descriptor: number): boolean {
  const { JOURNAL_STREAM: journal = "" } = process.env;
  if (journal === "") return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return journal === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** A reader that has gone away ("esop list | head -1") misses the rest, and that is all; a full disk is a failure. */
function watch(stream: NodeJS.WriteStream, name: string): void {
  const gone = new Set(["EPIPE", "EIO", "ERR_STREAM_DESTROYED"]);
  stream.on("error", (error) => {
    if (!gone.has(systemErrorCode(error) ?? "")) throw fileError(error, `write to ${name}`);
  });
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) resolve();
    else stream.write("", () => resolve());
  });
}

/**
 * From now on a signal ends the process as if we had never listened. Unlike process.exit this does not wait for a
 * file operation that hangs (a dead network mount, say).
 */
function stopListening(): void {
  for (const name of endingSignals) process.removeAllListeners(name);
}

const resumeHint = "run the same command again to resume; completed files are not transferred again";

/** The first signal cancels, so that the command can clean up behind itself; the second ends the process. */
function cancelOnSignals(tell: (text: string) => void): {
  readonly signal: AbortSignal;
  readonly status: () => number | undefined;
} {
  const abort = new AbortController();
  let status: number | undefined;
  for (const name of endingSignals) {
    process.on(name, () => {
      if (status !== undefined) {
        stopListening();
        process.kill(process.pid, name);
        return;
      }
      status = 128 + constants.signals[name];
      tell(`${name}: shutting down; press Ctrl-C again to force quit`);
      abort.abort(new AppError("cancelled", `cancelled by ${name}`, { hint: resumeHint }));
    });
  }
  return { signal: abort.signal, status: () => status };
}

function createIo(signal: AbortSignal, outputChanged: (output: ProgramOutput) => void): ProgramIo {
  return {
    outputChanged,
    stdout: sink(process.stdout, 1),
    stderr: sink(process.stderr, 2),
    environment: process.env,
    homeDirectory: homedir(),
    version: readVersion(),
    clock: systemClock,
    random: Math.random,
    randomBytes,
    every: (ms, callback) => {
      const timer = setInterval(callback, ms).unref();
      return () => clearInterval(timer);
    },
    signal,
    userId: process.getuid?.(),
    fileAccess: async (path) => {
      try {
        const { uid, gid, mode } = await stat(path);
        return { ownerId: uid, groupId: gid, mode: mode & 0o7777 };
      } catch (error) {
        if (["ENOENT", "ENOTDIR"].includes(systemErrorCode(error) ?? "")) return undefined;
        throw fileError(error, `look for ${path}`);
      }
    },
    readFile: async (path) => {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        throw fileError(error, `read ${path}`);
      }
    },
  };
}

async function runProgram(loadCommands: LoadCommands): Promise<void> {
  const [{ createOutput, earlySettings, run }, commands] = await Promise.all([import("./cli/cli.ts"), loadCommands()]);
  // What libraries warn of is for their developers.
  process.removeAllListeners("warning");
  if (earlySettings(argv, process.env).debug) {
    process.on("warning", ({ name, message }) => output.log.debug(`${name}: ${message}`));
  }
  const { signal, status: signalled } = cancelOnSignals((text) => output.interrupted(text));
  const io = createIo(signal, (changed) => {
    output = changed;
  });
  let output = createOutput(io, earlySettings(argv, process.env));
  const fail = (thrown: unknown) => {
    ended = true;
    const error = toAppError(thrown);
    output.failure(error);
    process.exit(errorTable[error.code].exit);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  let ended = false;
  process.on("exit", (status) => {
    if (ended || status !== 0) return;
    // Nothing is left that could ever go on, and yet the command has not ended.
    fail(new AppError("internal", "the command ended before it completed", { hint: "please report this" }));
  });
  const status = await run(argv, io, commands);
  ended = true;
  process.exitCode = status === errorTable.cancelled.exit ? (signalled() ?? status) : status;
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  stopListening();
  setTimeout(() => process.exit(), graceMs).unref();
}

export type LoadCommands = () => Promise<Commands>;

/** Runs the process with these commands, to its end. Called once. */
export function runProcess(loadCommands: LoadCommands): void {
  watch(process.stdout, "standard output");
  watch(process.stderr, "standard error");
  if (argv.length === 1 && ["-V", "--version", "version"].includes(argv[0] ?? "")) {
    process.stdout.write(`esop ${readVersion()}\n`);
  } else {
    void runProgram(loadCommands);
  }
}
