/** Runs a program and measures it from outside: wall time, processor time and peak memory of the process. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

export interface Measurement {
  readonly wallMs: number;
  /** User and system time. */
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly stdout: string;
}

/** Of several runs: the median of each figure, and how far the wall times lie apart. */
export interface Summary extends Measurement {
  readonly wallRangeMs: readonly [number, number];
}

export function summaryOf(runs: readonly Measurement[]): Summary {
  const median = (figure: (run: Measurement) => number) => {
    const sorted = runs.map(figure).toSorted((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)];
    if (middle === undefined) throw new Error("nothing was run");
    return middle;
  };
  const walls = runs.map(({ wallMs }) => wallMs);
  return {
    wallMs: median(({ wallMs }) => wallMs),
    cpuMs: median(({ cpuMs }) => cpuMs),
    peakBytes: median(({ peakBytes }) => peakBytes),
    stdout: "",
    wallRangeMs: [Math.min(...walls), Math.max(...walls)],
  };
}

export function fastestOf(runs: readonly Measurement[]): Measurement {
  const [first] = runs.toSorted((a, b) => a.wallMs - b.wallMs);
  if (first === undefined) throw new Error("nothing was run");
  return first;
}

const samplingMs = 5;
/** What /proc counts processor time in; the same on every Linux that Node runs on. */
const tickMs = 10;

export interface MeasureOptions {
  readonly cwd?: string;
  /** Beside the variables of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Throws with what the program said when it does not end with 0. Linux only. */
export async function measure(command: readonly string[], options: MeasureOptions = {}): Promise<Measurement> {
  const [program = "", ...parameters] = command;
  const started = performance.now();
  const { cwd, environment } = options;
  const child = spawn(program, parameters, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let peakBytes = 0;
  let cpuMs = 0;
  const sample = async () => {
    const [status, stat] = await Promise.all([
      readFile(`/proc/${child.pid}/status`, "utf8").catch(() => ""),
      readFile(`/proc/${child.pid}/stat`, "utf8").catch(() => ""),
    ]);
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
    // Behind the name in parentheses: state is field 3, user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    cpuMs = Math.max(cpuMs, (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs);
  };
  const timer = setInterval(() => void sample(), samplingMs);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const wallMs = performance.now() - started;
    if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${stdout}${stderr}`);
    return { wallMs, cpuMs, peakBytes, stdout };
  } finally {
    clearInterval(timer);
  }
}
