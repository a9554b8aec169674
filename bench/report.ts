import { formatBytes } from "../src/units.ts";
import type { Measurement } from "./measure.ts";

export interface Row {
  readonly name: string;
  readonly ours: Measurement;
  /** The same by other programs, by their names. */
  readonly others?: Readonly<Record<string, Measurement | undefined>>;
  /** What Cassandra's own call takes of it. */
  readonly snapshotMs?: number;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

/** The table as text: a line for each case and program, and what the others take for one second of ours. */
export function report(rows: readonly Row[]): string {
  const lines = [["", "", "wall", "cpu", "peak memory", "times ours"]];
  for (const { name, ours, others = {}, snapshotMs } of rows) {
    lines.push([name, "esop", seconds(ours.wallMs), seconds(ours.cpuMs), formatBytes(ours.peakBytes), ""]);
    for (const [who, other] of Object.entries(others)) {
      if (other === undefined) continue;
      const ratio = `${(other.wallMs / ours.wallMs).toFixed(2)}`;
      lines.push(["", who, seconds(other.wallMs), seconds(other.cpuMs), formatBytes(other.peakBytes), ratio]);
    }
    if (snapshotMs !== undefined) lines.push(["", "Cassandra's snapshot", seconds(snapshotMs), "", "", ""]);
  }
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const row = (line: readonly string[]) =>
    line.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return `${lines.map((line) => row(line).join("  ").trimEnd()).join("\n")}\n`;
}
