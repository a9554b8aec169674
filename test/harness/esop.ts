/** Runs the tool as an operator does: a process of its own, from the command line. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { inject } from "vitest";

export interface EsopRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last JSON line of standard output; an empty object when there is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

const main = join(import.meta.dirname, "../../src/development.ts");

export interface RunningEsop {
  readonly pid: number | undefined;
  kill(signal: NodeJS.Signals): boolean;
  /** `listener` hears standard output as it comes. */
  onOutput(listener: (text: string) => void): void;
}

export interface EsopOptions {
  /** Beside the test's own; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called with the process as soon as it runs. */
  readonly onStart?: (child: RunningEsop) => void;
}

/** Runs `esop` to its end, whatever its exit status. */
export async function esop(parameters: readonly string[], options: EsopOptions = {}): Promise<EsopRun> {
  // Records of hashes belong to the run; the demo keeps Cassandra's jars there.
  const records = parameters[0] === "demo" ? {} : { ESOP_CACHE_DIR: join(inject("runDirectory"), "records") };
  const environment = { ...process.env, NO_COLOR: "1", ...records, ...options.environment };
  const child = spawn(process.execPath, [main, ...parameters], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.setEncoding("utf8");
  options.onStart?.({
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    onOutput: (listener) => child.stdout.on("data", listener),
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr, json: lastJson(stdout) }));
  });
}

/** As {@link esop}, with `--json`; throws with what it said when it fails. */
export async function esopOk(...parameters: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const run = await esop([...parameters, "--json"]);
  if (run.status !== 0) {
    throw new Error(`esop ${parameters.join(" ")} ended with ${run.status}: ${run.stdout}${run.stderr}`);
  }
  return run.json;
}

function lastJson(text: string): Readonly<Record<string, unknown>> {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) return {};
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
