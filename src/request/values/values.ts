import { AppError } from "../../errors.ts";
import { parseDuration, parseRate } from "../../units.ts";
import { nearest } from "../options/nearest.ts";
import type { ValueKind } from "../options/option.ts";

/** A text that is not empty. */
export const text: ValueKind<string> = {
  placeholder: "TEXT",
  schema: { type: "string", pattern: String.raw`\S` },
  parse: (given) => {
    if (given.trim() === "") throw new AppError("usage", "the value is empty");
    return given;
  },
};

/** The same kind under another name in help. */
export function named<T>(kind: ValueKind<T>, placeholder: string): ValueKind<T> {
  return { ...kind, placeholder };
}

export const path: ValueKind<string> = {
  placeholder: "PATH",
  schema: { type: "string", pattern: String.raw`^[^\u0000]*[^\s\u0000][^\u0000]*$` },
  parse: (given) => {
    const value = text.parse(given);
    if (value.includes("\0")) throw new AppError("usage", "the path holds a null character");
    return value;
  },
};

export const directory = named(path, "DIR");
export const file = named(path, "FILE");

export function integer(range: { readonly min: number; readonly max: number }): ValueKind<number> {
  return {
    placeholder: "N",
    schema: { type: "integer", minimum: range.min, maximum: range.max },
    parse: (given) => {
      const value = /^\s*[+-]?\d+\s*$/.test(given) ? Number(given) : Number.NaN;
      if (!Number.isSafeInteger(value)) throw new AppError("usage", `'${given}' is not a whole number`);
      if (value < range.min || value > range.max) {
        throw new AppError("usage", `${value} is out of range: it must be ${range.min} to ${range.max}`);
      }
      return value;
    },
  };
}

export const port = named(integer({ min: 1, max: 65535 }), "PORT");

/** "In-Place", "IN_PLACE" and "inplace" are one word. */
function normalized(word: string): string {
  return word.toLowerCase().replace(/[\s_-]/g, "");
}

/**
 * One of a closed list, in any case, with or without hyphens and underscores; `also` maps further spellings, in lower
 * case, to members of the list.
 */
export function choice<const T extends string>(
  choices: readonly T[],
  also: Readonly<Record<string, T>> = {},
): ValueKind<T> {
  return {
    placeholder: choices.join("|"),
    schema: { type: "string", enum: choices },
    parse: (given) => {
      const wanted = given.trim().toLowerCase();
      const found =
        choices.find((value) => normalized(value) === normalized(wanted)) ??
        (Object.hasOwn(also, wanted) ? also[wanted] : undefined);
      if (found === undefined) {
        const near = nearest(normalized(wanted), choices);
        throw new AppError("usage", `'${given}' is not one of ${choices.join(", ")}`, {
          hint: near === undefined ? undefined : `did you mean ${near}`,
        });
      }
      return found;
    },
  };
}

/** More than none, and few enough to be counted in milliseconds. */
const someDigits = String.raw`[1-9]\d{0,7}`;
const upToDays = `${someDigits} ?(?:ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)`;
const durationPattern = String.raw`(?:${upToDays}|[1-9]\d{0,6} ?(?:w|weeks?))`;

/** Milliseconds, more than none. */
export const duration: ValueKind<number> = {
  placeholder: "DURATION",
  schema: {
    type: "string",
    pattern: `^${durationPattern}$`,
    description: "a whole number and a unit: 14d, 2w, 36hours, 5min",
  },
  parse: (given) => {
    const ms = parseDuration(given);
    if (ms === 0) throw new AppError("usage", `'${given}' is not greater than zero`);
    return ms;
  },
};

/** Milliseconds; a number without a unit counts in `unitMs`. */
export function durationIn(unitMs: number, placeholder: string): ValueKind<number> {
  return {
    placeholder,
    schema: {
      type: ["string", "number"],
      minimum: 0.001,
      maximum: Math.floor(Number.MAX_SAFE_INTEGER / unitMs),
      pattern: String.raw`^(?:${durationPattern}|${someDigits}(?:\.\d+)?)$`,
      description: `${placeholder.toLowerCase()}, or a whole number and a unit: 90min`,
    },
    parse: (given) => {
      const bare = /^\s*\d+(?:\.\d+)?\s*$/.test(given);
      const ms = bare ? Math.round(Number(given) * unitMs) : parseDuration(given);
      if (!Number.isSafeInteger(ms)) throw new AppError("usage", `'${given}' is too long a time`);
      if (ms === 0) throw new AppError("usage", `'${given}' is not greater than zero`);
      return ms;
    },
  };
}

/** Bytes a second. */
export const rate: ValueKind<number> = {
  placeholder: "RATE",
  schema: {
    type: ["string", "integer"],
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    pattern: String.raw`^(?:[1-9]\d{0,5} ?B|(?:[1-9]\d{0,5}(?:\.\d+)?|0\.[1-9]\d*) ?[KkMmGg](?:i?B|bit|bps)?)(?:/s)?$`,
    description: "a number of bytes a second, or a text with a unit: 10MB/s, 512k, 50Mbit/s",
  },
  numberUnit: "B/s",
  parse: parseRate,
};

/** Unix seconds stay below this until the year 5138; milliseconds have been above it since 1973. */
const firstMillisecondsValue = 100_000_000_000;
const isoInstant = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i;

const instantPattern = [
  String.raw`^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`,
  String.raw`T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`,
].join("");

/** Milliseconds since 1970, from ISO 8601 with a zone, unix seconds or unix milliseconds. */
export const instant: ValueKind<number> = {
  placeholder: "TIME",
  schema: {
    type: ["string", "integer"],
    minimum: 0,
    maximum: 999_999_999_999_999,
    format: "date-time",
    pattern: instantPattern,
    description: "ISO 8601 with a time zone, unix seconds or unix milliseconds",
  },
  parse: (given) => {
    const value = given.trim();
    const hint = "write 2026-11-23T01:46:08Z, unix seconds or unix milliseconds";
    if (/^\d{1,15}$/.test(value)) {
      return Number(value) < firstMillisecondsValue ? Number(value) * 1000 : Number(value);
    }
    const match = isoInstant.exec(value);
    if (match !== null && match[4] === undefined) {
      throw new AppError("usage", `'${given}' has no time zone`, { hint: `add one: ${value}Z is UTC` });
    }
    const ms = match === null ? Number.NaN : Date.parse(value.toUpperCase());
    if (Number.isNaN(ms) || !isCalendarDay(match?.slice(1, 4) ?? [])) {
      throw new AppError("usage", `'${given}' is not a time`, { hint });
    }
    return ms;
  },
};

/** Date.parse takes 30 February for 2 March. */
function isCalendarDay(parts: readonly string[]): boolean {
  const [year, month, day] = parts.map(Number);
  const date = new Date(Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day));
  return date.getUTCFullYear() === year && date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Lower case. */
export const uuid: ValueKind<string> = {
  placeholder: "UUID",
  schema: { type: "string", format: "uuid", pattern: "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$" },
  parse: (given) => {
    const value = given.trim().toLowerCase();
    if (!uuidPattern.test(value)) throw new AppError("usage", `'${given}' is not a uuid`);
    return value;
  },
};
