import { formatBytes } from "../src/units.ts";
import type { Measurement, Summary } from "./measure.ts";

export interface Row {
  readonly name: string;
  readonly ours: Measurement | Summary;
  /** The same by other programs, by their names. */
  readonly others?: Readonly<Record<string, Measurement | Summary | undefined>>;
  /** What was moved: processor time is told for each GiB of it, too. */
  readonly movedBytes?: number;
  /** What Cassandra's own call takes of it. */
  readonly snapshotMs?: number;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const gibibyte = 1024 ** 3;

function cellsOf(measured: Measurement | Summary, movedBytes: number | undefined): readonly string[] {
  const { wallMs, cpuMs, peakBytes } = measured;
  const range = "wallRangeMs" in measured ? measured.wallRangeMs.map((ms) => (ms / 1000).toFixed(2)).join("-") : "";
  const perGib = movedBytes === undefined ? "" : seconds((cpuMs * gibibyte) / movedBytes);
  return [seconds(wallMs), range, seconds(cpuMs), perGib, formatBytes(peakBytes)];
}

/** The table as text: a line for each case and program, and what the others take for one second of ours. */
export function report(rows: readonly Row[]): string {
  const lines: string[][] = [["", "", "wall", "from-to", "cpu", "cpu/GiB", "peak memory", "times ours"]];
  for (const { name, ours, others = {}, movedBytes, snapshotMs } of rows) {
    lines.push([name, "esop", ...cellsOf(ours, movedBytes), ""]);
    for (const [who, other] of Object.entries(others)) {
      if (other === undefined) continue;
      lines.push(["", who, ...cellsOf(other, movedBytes), (other.wallMs / ours.wallMs).toFixed(2)]);
    }
    if (snapshotMs !== undefined) lines.push(["", "Cassandra's snapshot", seconds(snapshotMs)]);
  }
  const used = (lines[0] ?? []).flatMap((_, column) =>
    column === 0 || lines.slice(1).some((line) => (line[column] ?? "") !== "") ? [column] : [],
  );
  const widths = used.map((column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const row = (line: readonly string[]) =>
    used.map((column, index) => {
      const [cell, width] = [line[column] ?? "", widths[index] ?? 0];
      return column < 2 ? cell.padEnd(width) : cell.padStart(width);
    });
  return `${lines.map((line) => row(line).join("  ").trimEnd()).join("\n")}\n`;
}
