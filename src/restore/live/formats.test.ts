import { describe, expect, it } from "vitest";
import { parseComponentName } from "../../cassandra/cassandra.ts";
import { problemOf } from "./formats.ts";

const uuid = "3gy0_111j_2u8ka1z4k2vcw67ubc";

const node = (releaseVersion: string, newest?: string) => ({ releaseVersion, newest });

describe("the format of an SSTable", () => {
  it.each([
    ["nb-1-big-Data.db", "4.0.19"],
    ["na-1-big-Data.db", "4.0.19"],
    ["me-1-big-Data.db", "4.1.10"],
    ["me-1-big-Data.db", "5.0.9"],
    ["nb-1-big-Data.db", "5.0.9"],
    ["oa-1-big-Data.db", "5.0.9"],
    [`nb-${uuid}-big-Data.db`, "4.1.10"],
    [`nb-${uuid}-big-Data.db`, "5.0.9"],
    [`da-${uuid}-bti-Data.db`, "5.0.9"],
    ["da-1-bti-Data.db", "6.0-alpha2"],
    ["nb-1-big-Data.db", "6.0-alpha2"],
  ])("%s is readable by Cassandra %s", (file, version) => {
    const name = parseComponentName(file);
    for (const how of ["IMPORT", "HARDLINKS"] as const) {
      expect(name === undefined ? "no name" : problemOf(name, node(version), how)).toBeUndefined();
    }
  });

  it.each([
    ["da-1-bti-Data.db", "4.1.10", "bti"],
    [`da-${uuid}-bti-Data.db`, "4.0.19", "bti"],
    ["oa-1-big-Data.db", "4.1.10", "newer"],
    ["la-7-big-Data.db", "5.0.9", "older"],
    ["ks-t-jb-5-Data.db", "4.0.19", "older"],
  ])("%s is not readable by Cassandra %s", (file, version, why) => {
    const name = parseComponentName(file);
    for (const how of ["IMPORT", "HARDLINKS"] as const) {
      expect(name && problemOf(name, node(version), how)?.why).toContain(why);
    }
  });

  it("oa is readable by Cassandra 5.0 unless storage_compatibility_mode makes it write nb", () => {
    const name = { version: "oa", format: "big", generation: "1" };
    expect(problemOf(name, node("5.0.9", "o"), "IMPORT")).toBeUndefined();
    expect(problemOf(name, node("5.0.9", "n"), "IMPORT")?.hint).toContain("storage_compatibility_mode");
    expect(problemOf({ ...name, version: "nb" }, node("5.0.9", "n"), "IMPORT")).toBeUndefined();
  });

  it("with a UUID as generation is readable by Cassandra 4.0 once HARDLINKS has given it a number", () => {
    const name = { version: "nb", format: "big", generation: uuid };
    expect(problemOf(name, node("4.0.19"), "IMPORT")?.hint).toContain("HARDLINKS");
    expect(problemOf(name, node("4.0.19"), "HARDLINKS")).toBeUndefined();
  });
});
