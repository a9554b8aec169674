import { resolve, sep } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAppError } from "../errors.ts";
import { isFileName, joinBelow } from "./join-below.ts";

const part = fc.constantFrom("..", ".", "", "a", "b.db", "...", "\0", "\n", "a\\b", "/", "~", "x".repeat(256), "é");
const name = fc.oneof(
  fc.array(part, { maxLength: 5 }).map((parts) => parts.join("/")),
  fc.string({ unit: "binary" }),
);

describe("a name of foreign origin", () => {
  it("is joined below the root unchanged, or refused", () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), (names) => {
        let path: string;
        try {
          path = joinBelow("/root/data", ...names);
        } catch (error) {
          expect(isAppError(error, "corrupt")).toBe(true);
          return;
        }
        expect(path).toBe(`/root/data/${names.join("/")}`);
        expect(resolve(path).startsWith(`/root/data${sep}`)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(["", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "a//b", "a/", "./a", "a\0b", "x".repeat(256)])(
    "%j is refused",
    (refused) => {
      expect(() => joinBelow("/root", "ok", refused)).toThrow(/is not the name of a file below \/root$/);
    },
  );

  it.each(["a", "...", ".idx", "nb-1-big-Data.db", "a b", "~"])("%j is a file's", (taken) => {
    expect(isFileName(taken)).toBe(true);
    expect(joinBelow("/root", taken)).toBe(`/root/${taken}`);
  });
});
