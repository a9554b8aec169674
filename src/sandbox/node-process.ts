import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { AppError, abortError, fileError, throwIfAborted } from "../errors.ts";
import { findOnPath } from "./java.ts";
import { runProgram } from "./program.ts";

/** How to start one node, and where it is then heard. */
export interface NodeCommand {
  readonly java: string;
  readonly parameters: readonly string[];
  readonly directory: string;
  readonly logDirectory: string;
  readonly address: string;
  readonly cqlPort: number;
  readonly environment: NodeJS.ProcessEnv;
  /** In a session of its own, so that `release` can let it outlive this process. */
  readonly releasable: boolean;
}

/** A start goes on while the node writes to its logs, up to a bound for the whole of it. */
const silentStartMs = 5 * 60_000;
const startDeadlineMs = 45 * 60_000;
const stopDeadlineMs = 10 * 60_000;
const connectEveryMs = 50;
const connectDeadlineMs = 5000;
const binderDeadlineMs = 60_000;

/** Children that must not outlive this process. */
const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** One run of a node's virtual machine, from its start to its exit. */
export class NodeProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #command: NodeCommand;
  readonly #exited: Promise<string>;

  private constructor(child: ChildProcess, pid: number, command: NodeCommand) {
    this.pid = pid;
    this.#child = child;
    this.#command = command;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (status, signal) => {
        running.delete(child);
        if (running.size === 0) process.off("exit", killAll);
        resolve(signal === null ? `exited with status ${status}` : `was ended by ${signal}`);
      });
    });
  }

  /** Starts the node and waits until it accepts CQL connections; a node that does not come up is ended. */
  static async start(command: NodeCommand, signal: AbortSignal | undefined): Promise<NodeProcess> {
    throwIfAborted(signal);
    const systemLog = join(command.logDirectory, "system.log");
    const earlierLog = (await stat(systemLog).catch(() => undefined))?.size ?? 0;
    const node = await NodeProcess.#spawn(command);
    try {
      await node.#ready(signal);
      return node;
    } catch (error) {
      await node.stop("KILL");
      if (!(error instanceof ExitedEarly)) throw error;
      throw new AppError("node-state", `Cassandra ${error.how} while starting${await node.#complaint(earlierLog)}`, {
        hint: `see ${systemLog} and ${join(command.logDirectory, "console.log")}`,
      });
    }
  }

  static async #spawn(command: NodeCommand): Promise<NodeProcess> {
    const binder = command.releasable ? [] : await parentBinder(command.environment);
    const [program, ...parameters] = [...binder, command.java, ...command.parameters];
    if (program === undefined) throw new AppError("internal", "no program to run");
    const consoleFile = join(command.logDirectory, "console.log");
    const output = await open(consoleFile, "a").catch((error: unknown) => {
      throw fileError(error, `write ${consoleFile}`);
    });
    try {
      const child = spawn(program, parameters, {
        cwd: command.directory,
        env: command.environment,
        stdio: ["ignore", output.fd, output.fd],
        detached: command.releasable,
      });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (error) => {
          reject(new AppError("io", `cannot start ${program}: ${error.message}`, { cause: error }));
        });
      });
      if (running.size === 0) process.on("exit", killAll);
      running.add(child);
      if (child.pid === undefined) throw new AppError("internal", "a started process has no id");
      return new NodeProcess(child, child.pid, command);
    } finally {
      await output.close();
    }
  }

  /** Resolves when the process is gone, with how it ended. */
  get exited(): Promise<string> {
    return this.#exited;
  }

  /** From now on the end of this process is not the node's. */
  release(): void {
    running.delete(this.#child);
    if (running.size === 0) process.off("exit", killAll);
    this.#child.unref();
  }

  /** Sends the signal and waits for the exit; a node that ignores SIGTERM is killed, and `timeout` thrown. */
  async stop(how: "TERM" | "KILL"): Promise<void> {
    this.#child.kill(how === "TERM" ? "SIGTERM" : "SIGKILL");
    const finished = new AbortController();
    const late = systemClock.sleep(stopDeadlineMs, finished.signal).then(
      () => true,
      () => false,
    );
    const isLate = await Promise.race([this.#exited.then(() => false), late]);
    finished.abort();
    if (!isLate) return;
    this.#child.kill("SIGKILL");
    await this.#exited;
    throw new AppError("timeout", `Cassandra did not stop within ${stopDeadlineMs / 1000} s and was killed`);
  }

  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([over.signal, ...(signal === undefined ? [] : [signal])]);
    const { address, cqlPort } = this.#command;
    const died = this.#exited.then((how) => {
      throw new ExitedEarly(how);
    });
    try {
      await Promise.race([died, listening(address, cqlPort, () => this.#loggedBytes(), stop)]);
    } finally {
      over.abort();
      died.catch(() => undefined);
    }
  }

  /** Grows while the node does something. */
  async #loggedBytes(): Promise<number> {
    const sizeOf = async (name: string) =>
      (await stat(join(this.#command.logDirectory, name)).catch(() => undefined))?.size ?? 0;
    return (await sizeOf("system.log")) + (await sizeOf("console.log"));
  }

  /** The last errors that the node logged, as the rest of a sentence. */
  async #complaint(earlierLog: number): Promise<string> {
    const read = (name: string) => readFile(join(this.#command.logDirectory, name), "utf8").catch(() => "");
    const log = Buffer.from(await read("system.log"))
      .subarray(earlierLog)
      .toString("utf8");
    const errors = log.split("\n").filter((line) => line.startsWith("ERROR"));
    const consoleLines = (await read("console.log")).split("\n").filter((line) => line.trim() !== "");
    const said = errors.length > 0 ? errors : consoleLines;
    return said.length === 0 ? "" : `: ${said.slice(-3).join(" | ")}`;
  }
}

class ExitedEarly extends Error {
  readonly how: string;
  constructor(how: string) {
    super(how);
    this.how = how;
  }
}

/**
 * Waits until a port accepts connections. Throws `timeout` when the node logs nothing for too long or the whole start
 * takes too long, or the signal's reason.
 */
async function listening(
  address: string,
  port: number,
  loggedBytes: () => Promise<number>,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = systemClock.monotonic();
  let seen = { bytes: 0, atMs: startedMs };
  while (!(await accepts(address, port))) {
    if (signal.aborted) throw abortError(signal);
    const nowMs = systemClock.monotonic();
    const bytes = await loggedBytes();
    if (bytes !== seen.bytes) seen = { bytes, atMs: nowMs };
    const silentMs = nowMs - seen.atMs;
    if (silentMs > silentStartMs || nowMs - startedMs > startDeadlineMs) {
      const seconds = Math.round((nowMs - startedMs) / 1000);
      throw new AppError("timeout", `Cassandra did not accept connections on ${address}:${port} within ${seconds} s`, {
        hint: "the machine may be overloaded: try again when it has CPU time to spare",
      });
    }
    await systemClock.sleep(connectEveryMs, signal);
  }
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(connectDeadlineMs, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

/**
 * The start of a command line that makes the kernel end a child when its parent is gone, however it went; empty where
 * the system has no such program. The exit handler covers the ordinary ends.
 */
async function parentBinder(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const setpriv = await findOnPath("setpriv", environment);
  if (setpriv === undefined) return [];
  const binder = [setpriv, "--pdeathsig", "KILL"];
  const run = await runProgram(setpriv, [...binder.slice(1), "true"], { environment, deadlineMs: binderDeadlineMs });
  return run.status === 0 ? binder : [];
}
