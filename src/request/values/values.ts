import { AppError } from "../../errors.ts";
import { parseDuration, parseRate } from "../../units.ts";
import type { ValueKind } from "../options/option.ts";

/** A text that is not empty. */
export const text: ValueKind<string> = {
  type: "string",
  placeholder: "TEXT",
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
  type: "path",
  placeholder: "PATH",
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
    type: "integer",
    placeholder: "N",
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

/** One of a closed list, in any case; `also` maps further spellings, in lower case, to members of the list. */
export function choice<const T extends string>(
  choices: readonly T[],
  also: Readonly<Record<string, T>> = {},
): ValueKind<T> {
  return {
    type: "choice",
    placeholder: choices.join("|"),
    choices,
    parse: (given) => {
      const wanted = given.trim().toLowerCase();
      const found =
        choices.find((value) => value.toLowerCase() === wanted) ??
        (Object.hasOwn(also, wanted) ? also[wanted] : undefined);
      if (found === undefined) {
        throw new AppError("usage", `'${given}' is not one of ${choices.join(", ")}`);
      }
      return found;
    },
  };
}

/** Milliseconds, more than none. */
export const duration: ValueKind<number> = {
  type: "duration",
  placeholder: "DURATION",
  parse: (given) => {
    const ms = parseDuration(given);
    if (ms === 0) throw new AppError("usage", `'${given}' is no time at all`);
    return ms;
  },
};

/** Milliseconds; a number without a unit counts in `unitMs`. */
export function durationIn(unitMs: number, placeholder: string): ValueKind<number> {
  return {
    type: "duration",
    placeholder,
    parse: (given) => {
      const bare = /^\s*\d+(?:\.\d+)?\s*$/.test(given);
      const ms = bare ? Math.round(Number(given) * unitMs) : parseDuration(given);
      if (!Number.isSafeInteger(ms)) throw new AppError("usage", `'${given}' is too long a time`);
      if (ms === 0) throw new AppError("usage", `'${given}' is no time at all`);
      return ms;
    },
  };
}

/** Bytes a second. */
export const rate: ValueKind<number> = { type: "rate", placeholder: "RATE", parse: parseRate };

/** Unix seconds stay below this until the year 5138; milliseconds have been above it since 1973. */
const firstMillisecondsValue = 100_000_000_000;
const isoInstant = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i;

/** Milliseconds since 1970, from ISO 8601 with a zone, unix seconds or unix milliseconds. */
export const instant: ValueKind<number> = {
  type: "instant",
  placeholder: "TIME",
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
  type: "string",
  placeholder: "UUID",
  parse: (given) => {
    const value = given.trim().toLowerCase();
    if (!uuidPattern.test(value)) throw new AppError("usage", `'${given}' is not a uuid`);
    return value;
  },
};
