import { type ChildProcess, spawn } from "node:child_process";
import { AppError, abortError, throwIfAborted } from "../errors.ts";

export interface ProgramRun {
  /** Exit status; undefined when a signal ended it. */
  readonly status: number | undefined;
  /** Standard output and error together, the last 64 KiB. */
  readonly output: string;
}

export interface ProgramOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

const keptOutput = 64 * 1024;

/** Runs a program to its end. Throws `cancelled`, `timeout`, or `not-found` when it cannot be started. */
export async function runProgram(
  program: string,
  parameters: readonly string[],
  options: ProgramOptions,
): Promise<ProgramRun> {
  throwIfAborted(options.signal);
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const stop = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const child = spawn(program, [...parameters], { env: options.environment, stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  stop.addEventListener("abort", kill);
  try {
    const run = await collect(child, program);
    if (stop.aborted) throw abortError(stop);
    return run;
  } finally {
    stop.removeEventListener("abort", kill);
  }
}

async function collect(child: ChildProcess, program: string): Promise<ProgramRun> {
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-keptOutput);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(new AppError("not-found", `cannot run ${program}: ${error.message}`, { cause: error }));
    });
    child.once("close", (status) => resolve({ status: status ?? undefined, output }));
  });
}
