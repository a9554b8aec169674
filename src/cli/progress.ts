import type { Clock } from "../clock.ts";
import type { Progress, ProgressPlan } from "../progress.ts";
import { formatBytes, formatDuration } from "../units.ts";

/** Calls back every so many milliseconds until it is told to stop. */
export type Every = (ms: number, callback: () => void) => () => void;

/** Where progress is shown: a line that is replaced on a terminal, a line of its own now and then elsewhere. */
export interface ProgressScreen {
  readonly columns: number;
  /** Shows the line in place of the one before; undefined takes it away. */
  replace(line: string | undefined): void;
  append(line: string): void;
}

export const redrawEveryMs = 100;
export const tellEveryMs = 30_000;
const rateWindowMs = 10_000;

export function showProgress(
  screen: ProgressScreen,
  style: "bar" | "lines",
  clock: Pick<Clock, "monotonic">,
  every: Every,
): Progress {
  let running: { readonly tally: Tally; readonly stop: () => void } | undefined;
  const done = () => {
    running?.stop();
    if (running !== undefined && style === "bar") screen.replace(undefined);
    running = undefined;
  };
  return {
    start: (plan) => {
      done();
      const tally = new Tally(plan, clock.monotonic());
      const show = () => {
        if (style === "bar") screen.replace(tally.bar(clock.monotonic(), screen.columns));
        else screen.append(tally.line(clock.monotonic()));
      };
      running = { tally, stop: every(style === "bar" ? redrawEveryMs : tellEveryMs, show) };
    },
    add: (bytes) => running?.tally.add(bytes),
    fileDone: () => running?.tally.fileDone(),
    done,
  };
}

/** Counts what has been moved, and words it. */
class Tally {
  readonly #plan: ProgressPlan;
  #bytes = 0;
  #files = 0;
  /** Oldest first; the rate is taken between the first and now. */
  #samples: { readonly atMs: number; readonly bytes: number }[];

  constructor(plan: ProgressPlan, nowMs: number) {
    this.#plan = plan;
    this.#samples = [{ atMs: nowMs, bytes: 0 }];
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  fileDone(): void {
    this.#files += 1;
  }

  line(nowMs: number): string {
    const { label, totalFiles } = this.#plan;
    const percent = Math.floor(this.#share() * 100);
    return [
      `${label}: ${percent}%`,
      this.#amount(),
      `${this.#files} of ${totalFiles} files`,
      ...this.#pace(nowMs),
    ].join(", ");
  }

  bar(nowMs: number, columns: number): string {
    const share = this.#share();
    const barWidth = columns < 100 ? 10 : 20;
    const filled = Math.floor(share * barWidth);
    const bar = `[${"#".repeat(filled)}${".".repeat(barWidth - filled)}]`;
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const parts = [this.#plan.label, `${bar}${percent}`, this.#amount(), ...this.#pace(nowMs)];
    return parts.join("  ").slice(0, Math.max(0, columns - 1));
  }

  #share(): number {
    const { totalBytes, totalFiles } = this.#plan;
    const share = totalBytes > 0 ? this.#bytes / totalBytes : totalFiles > 0 ? this.#files / totalFiles : 1;
    return Math.min(1, Math.max(0, share));
  }

  #amount(): string {
    return `${formatBytes(Math.max(0, this.#bytes))} of ${formatBytes(this.#plan.totalBytes)}`;
  }

  #pace(nowMs: number): string[] {
    this.#samples.push({ atMs: nowMs, bytes: this.#bytes });
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.atMs ?? nowMs) > rateWindowMs) this.#samples.shift();
    const first = this.#samples[0] ?? { atMs: nowMs, bytes: this.#bytes };
    const bytesPerMs = (this.#bytes - first.bytes) / (nowMs - first.atMs);
    if (!Number.isFinite(bytesPerMs) || bytesPerMs <= 0) return [];
    const rate = `${formatBytes(Math.round(bytesPerMs * 1000))}/s`;
    const left = this.#plan.totalBytes - this.#bytes;
    return left > 0 ? [rate, `${formatDuration(Math.max(1000, left / bytesPerMs))} left`] : [rate];
  }
}
