import { AppError } from "./errors.ts";

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** "1.5 GiB"; exact below 1 KiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${byteUnits[unit]}`;
}

/** "1 file", "2 files". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "3 files (1.50 GiB)". */
export function formatFiles({ files, bytes }: { readonly files: number; readonly bytes: number }): string {
  return `${formatCount(files, "file")} (${formatBytes(bytes)})`;
}

/** "850 ms", "12.3 s", "4 min 05 s", "2 h 03 min". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
}

/** "2026-11-23T01:46:08Z": always UTC, always with its zone. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}

const timeUnits: readonly (readonly [name: string, ms: number])[] = [
  ["milliseconds", 1],
  ["seconds", 1000],
  ["minutes", 60_000],
  ["hours", 3_600_000],
  ["days", 86_400_000],
];

/**
 * "14d", "14 day", "1h", "5minute": a number and a unit, which may be shortened to any unambiguous start of its name
 * ("min" is minutes, "mil" milliseconds, "mi" neither), or to "m" for minutes and "ms" for milliseconds. Gives
 * milliseconds; throws `usage`.
 */
export function parseDuration(text: string): number {
  const match = /^\s*(\d+)\s*([a-z]+)\s*$/i.exec(text);
  const amount = Number(match?.[1]);
  const unit = match?.[2]?.toLowerCase() ?? "";
  const exact = unit === "m" ? "minutes" : unit === "ms" ? "milliseconds" : unit;
  const found = timeUnits.filter(([name]) => name.startsWith(exact));
  const [only] = found;
  if (match === null || only === undefined || found.length > 1 || !Number.isSafeInteger(amount * only[1])) {
    throw new AppError("usage", `'${text}' is not a duration`, {
      hint: "write a number and a unit: 14d, 36hours, 5min",
    });
  }
  return amount * only[1];
}

const rateFactors = new Map([
  ["", 1],
  ["k", 1024],
  ["m", 1024 ** 2],
  ["g", 1024 ** 3],
  ["t", 1024 ** 4],
]);

/** "10MB/s", "512k", "1GiB/s": bytes a second; factors are powers of 1024, as in Esop. Throws `usage`. */
export function parseRate(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b|bps)?(?:\/s(?:ec(?:ond)?)?)?\s*$/i.exec(text);
  const factor = rateFactors.get(match?.[2]?.toLowerCase() ?? "");
  const rate = Math.floor(Number(match?.[1]) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(rate) || rate <= 0) {
    throw new AppError("usage", `'${text}' is not a data rate`, { hint: "write a number and a unit: 10MB/s, 512KB/s" });
  }
  return rate;
}
