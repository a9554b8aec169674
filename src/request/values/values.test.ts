import { describe, expect, it } from "vitest";
import { nearest } from "../options/nearest.ts";
import { defaultSnapshotTag, parseSnapshotTag } from "./snapshot-tag.ts";
import { choice, durationIn, instant, integer, path, text, uuid } from "./values.ts";

describe("values", () => {
  it.each([
    ["2026-11-23T01:46:08Z", Date.UTC(2026, 10, 23, 1, 46, 8)],
    ["2026-11-23T01:46:08.250z", Date.UTC(2026, 10, 23, 1, 46, 8, 250)],
    ["2026-11-23T01:46+02:00", Date.UTC(2026, 10, 22, 23, 46)],
    ["2024-02-29T00:00:00-0130", Date.UTC(2024, 1, 29, 1, 30)],
    ["1795398368", 1_795_398_368_000],
    ["1795398368123", 1_795_398_368_123],
    ["0", 0],
  ])("reads the instant %s", (given, ms) => {
    expect(instant.parse(given)).toBe(ms);
  });

  it.each([
    ["2026-11-23T01:46:08", "has no time zone"],
    ["2026-02-30T00:00:00Z", "is not a time"],
    ["2026-13-01T00:00:00Z", "is not a time"],
    ["2026-11-23T25:00:00Z", "is not a time"],
    ["2026-11-23", "is not a time"],
    ["yesterday", "is not a time"],
    ["-5", "is not a time"],
    ["", "is not a time"],
  ])("refuses the instant '%s'", (given, complaint) => {
    expect(() => instant.parse(given)).toThrow(complaint);
  });

  it("reads whole numbers within their range", () => {
    const kind = integer({ min: 1, max: 100 });
    expect(kind.parse(" 42 ")).toBe(42);
    for (const wrong of ["", "1.5", "1e2", "0x10", "ten", "9007199254740993"]) {
      expect(() => kind.parse(wrong)).toThrow("is not a whole number");
    }
    for (const wrong of ["0", "-1", "101"]) expect(() => kind.parse(wrong)).toThrow("it must be 1 to 100");
  });

  it("reads times with and without a unit", () => {
    const hours = durationIn(3_600_000, "HOURS");
    expect(hours.parse("5")).toBe(18_000_000);
    expect(hours.parse("0.5")).toBe(1_800_000);
    expect(hours.parse("90min")).toBe(5_400_000);
    for (const wrong of ["0", "0min", "-1", "", "soon", "9".repeat(20)]) expect(() => hours.parse(wrong)).toThrow();
  });

  it("reads choices in any case, and their other spellings", () => {
    const kind = choice(["SHA-256", "CRC"], { sha256: "SHA-256" });
    expect(kind.parse("sha-256")).toBe("SHA-256");
    expect(kind.parse("SHA256")).toBe("SHA-256");
    expect(kind.parse("sha_256")).toBe("SHA-256");
    expect(() => kind.parse("md5")).toThrow("'md5' is not one of SHA-256, CRC");
    expect(() => kind.parse("constructor")).toThrow("is not one of");
  });

  it("reads choices with or without hyphens and underscores, and names the nearest", () => {
    const kind = choice(["IN_PLACE", "HARDLINKS", "IMPORT"]);
    for (const given of ["in-place", "inplace", "In Place", "IN_PLACE"]) expect(kind.parse(given)).toBe("IN_PLACE");
    expect(() => kind.parse("hardlnk")).toThrow(expect.objectContaining({ hint: "did you mean HARDLINKS" }));
  });

  it("refuses empty texts, paths with null characters and what is no uuid", () => {
    expect(() => text.parse(" ")).toThrow("the value is empty");
    expect(() => path.parse("a\0b")).toThrow("null character");
    expect(uuid.parse("E84B6A60-24CF-30CA-9B58-452D92911703")).toBe("e84b6a60-24cf-30ca-9b58-452d92911703");
    expect(() => uuid.parse("e84b6a60")).toThrow("is not a uuid");
  });
});

describe("snapshot tags", () => {
  it("are made of the time when none is given", () => {
    expect(defaultSnapshotTag(1_795_398_368_999)).toBe("autosnap-1795398368");
    expect(parseSnapshotTag("night.ly_1-ü")).toBe("night.ly_1-ü");
  });

  it.each([
    ["", "is empty"],
    ["a b", "blanks or control characters"],
    ["a\n", "blanks or control characters"],
    ["a\u0000", "blanks or control characters"],
    ["a/b", "holds a slash"],
    ["a\\b", "holds a slash"],
    [".a", "begins with a dot"],
    ["..", "begins with a dot"],
  ])("refuse '%s'", (tag, complaint) => {
    expect(() => parseSnapshotTag(tag)).toThrow(complaint);
  });
});

describe("nearest", () => {
  const flags = ["bandwidth", "duration", "dry-run", "data-dir", "storage-location"];

  it.each([
    ["bandwith", "bandwidth"],
    ["Duration", "duration"],
    ["durtaion", "duration"],
    ["storage_location", "storage-location"],
    ["band", "bandwidth"],
    ["xyzzy", undefined],
    ["d", undefined],
  ])("of %s is %s", (word, near) => {
    expect(nearest(word, flags)).toBe(near);
  });
});
