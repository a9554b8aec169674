import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { errorTable } from "../errors.ts";
import { dashed, isVerbName, verbs } from "../request/request.ts";
import { parseCommandLine } from "./arguments.ts";
import { generalHelp, shortHelp, verbHelp } from "./help.ts";

const names = Object.keys(verbs).filter(isVerbName);

/** Commands as a shell would read them: continued lines joined. */
function exampleLines(help: string): readonly string[] {
  const lines = help.replaceAll(/ \\\n +/g, " ").split("\n");
  return lines.filter((line) => line.startsWith("  esop ")).map((line) => line.trim());
}

describe("help", () => {
  it.each([shortHelp(), generalHelp(false), ...names.map((name) => verbHelp(name, false))])(
    "fits the width and ends with one line break",
    (help) => {
      for (const line of help.split("\n")) {
        expect(line.length).toBeLessThanOrEqual(96);
        expect(line).toBe(line.trimEnd());
      }
      expect(help).toMatch(/[^\n]\n$/);
    },
  );

  it.each(names)("of %s names every option, spelling and variable", (name) => {
    const words = new Set(verbHelp(name, false).split(/[\s,;()]+/));
    for (const option of Object.values(verbs[name].options)) {
      const spellings = [option.flag, ...option.aliases].map(dashed);
      for (const spelling of option.commandLine ? spellings : option.env) expect(words).toContain(spelling);
      for (const variable of option.env.slice(1)) expect(words).toContain(variable);
    }
  });

  it.each(names)("of %s shows examples that parse", (name) => {
    const examples = exampleLines(verbHelp(name, false));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) {
      const line = parseCommandLine(example.split(" ").slice(1));
      if (line.kind !== "verb") throw new Error(`'${example}' is read as ${line.kind}`);
      expect(() => verbs[line.verb].parse([line.source], { homeDirectory: "/" })).not.toThrow();
    }
  });

  it("of backup and restore says what is not supported yet, and what has no effect", () => {
    const help = (name: "backup" | "restore") => verbHelp(name, false).replaceAll(/\s+/g, " ");
    for (const name of ["backup", "restore"] as const) {
      expect(help(name)).toMatch(/--global-request [^-]+ \(not supported yet; also --globalRequest\)/);
      expect(help(name)).toMatch(/--datacenter NAMES [^(]+ \(not supported yet\)/);
    }
    expect(help("restore")).toMatch(/--single-phase [^(]+ \(not supported yet\)/);
    expect(help("backup")).toMatch(
      /--metadata-directive COPY\|REPLACE accepted for compatibility, without effect: a refresh always keeps/,
    );
  });

  it("of all lists every command and exit status", () => {
    const help = generalHelp(false);
    for (const name of [...names, "help", "version"]) expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
    for (const { exit, meaning } of Object.values(errorTable)) {
      expect(help).toMatch(new RegExp(`^ +${exit}  ${meaning}$`, "m"));
    }
  });

  it("is the same with colours but for the colours", () => {
    expect(generalHelp(true)).not.toBe(generalHelp(false));
    expect(stripVTControlCharacters(generalHelp(true))).toBe(generalHelp(false));
    expect(stripVTControlCharacters(verbHelp("list", true))).toBe(verbHelp("list", false));
  });
});
