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
  ["weeks", 604_800_000],
];

/**
 * "14d", "14 day", "2w", "1h", "5minute": a number and a unit, which may be shortened to any unambiguous start of its name
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
    throw new AppError("usage", `'${text}' ${isNumber(text) ? "has no unit" : "is not a duration"}`, {
      hint: "write a whole number and a unit from milliseconds to weeks: 14d, 2w, 36hours, 5min",
    });
  }
  return amount * only[1];
}

function isNumber(text: string): boolean {
  return /^\s*\d+(?:\.\d+)?\s*$/.test(text);
}

const ratePattern = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(bits?|bps|b|)(?:\/s(?:ec(?:ond)?)?)?\s*$/i;
const rateHint = "write bytes, as in 50MB/s or 512KiB/s, or bits, as in 50Mbit/s";

/**
 * "10MB/s", "512k", "1GiB/s": bytes a second; factors are powers of 1024, as in Esop for Java. "50Mbit/s", "50mbps":
 * bits a second; factors are powers of 1000, as networks have them, unless written as "Mi". Throws `usage`.
 */
export function parseRate(text: string): number {
  const [, number, prefix = "", binary = "", unit = ""] = ratePattern.exec(text) ?? [];
  const refuse = (why: string) => new AppError("usage", `'${text}' ${why}`, { hint: rateHint });
  if (number === undefined || (binary !== "" && unit === "")) throw refuse("is not a data rate");
  if (prefix === "" && unit === "" && Number(number) > 0) throw refuse("has no unit");
  if (unit === "b") throw refuse("may mean bits or bytes");
  const inBits = /^bit/i.test(unit) || unit.startsWith("b");
  const power = ["", "k", "m", "g", "t"].indexOf(prefix.toLowerCase());
  const factor = (inBits && binary === "" ? 1000 : 1024) ** power / (inBits ? 8 : 1);
  const rate = Math.floor(Number(number) * factor);
  if (!Number.isSafeInteger(rate) || rate <= 0) throw refuse("is not a data rate");
  return rate;
}
