import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { errorTable } from "../errors.ts";
import { dashed } from "../request/request.ts";
import { parseCommandLine } from "./arguments.ts";
import type { ProgramCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, generalHelp, shortHelp } from "./help.ts";

const names = Object.keys(commands);

function commandOf(name: string): ProgramCommand {
  const command = commands[name];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  return command;
}

const wide = { colors: false, columns: 200 };
const helpOf = (name: string, style = wide) => commandHelp(name, commandOf(name).verb, style);

/** Commands as a shell would read them: continued lines joined. */
function exampleLines(help: string): readonly string[] {
  const lines = help.replaceAll(/ \\\n +/g, " ").split("\n");
  return lines.filter((line) => line.startsWith("  esop ")).map((line) => line.trim());
}

describe("help", () => {
  it.each([
    [200, 96],
    [96, 96],
    [80, 80],
    [60, 60],
  ])("in a terminal of %i columns has lines of at most %i and ends with one line break", (columns, width) => {
    const style = { colors: false, columns };
    const texts = [shortHelp, generalHelp].map((help) => help(commands, style));
    for (const help of [...texts, ...names.map((name) => helpOf(name, style))]) {
      for (const line of help.split("\n")) {
        expect(line.length).toBeLessThanOrEqual(width);
        expect(line).toBe(line.trimEnd());
      }
      expect(help).toMatch(/[^\n]\n$/);
    }
  });

  it.each(names)("of %s names every option, spelling and variable", (name) => {
    const words = new Set(helpOf(name).split(/[\s,;()]+/));
    for (const option of Object.values(commandOf(name).verb.options)) {
      const spellings = [option.flag, ...option.aliases].map(dashed);
      for (const spelling of option.commandLine ? spellings : option.env) expect(words).toContain(spelling);
      for (const variable of option.env.slice(1)) expect(words).toContain(variable);
    }
  });

  it.each(names)("of %s shows examples that parse", (name) => {
    const examples = exampleLines(helpOf(name));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(exampleLines(helpOf(name, { colors: false, columns: 60 }))).toEqual(examples);
    for (const example of examples) {
      const line = parseCommandLine(example.split(" ").slice(1), commands);
      if (line.kind !== "command") throw new Error(`'${example}' is read as ${line.kind}`);
      expect(() => commandOf(line.command).prepare([line.source], { homeDirectory: "/" })).not.toThrow();
    }
  });

  it("of backup and restore says what is not supported yet, and what has no effect", () => {
    const help = (name: "backup" | "restore") => helpOf(name).replaceAll(/\s+/g, " ");
    for (const name of ["backup", "restore"] as const) {
      expect(help(name)).toMatch(/--global-request [^-]+ \(not supported yet; also --globalRequest\)/);
      expect(help(name)).toMatch(/--datacenter NAMES [^(]+ \(not supported yet\)/);
    }
    expect(help("restore")).toMatch(/--single-phase [^(]+ \(not supported yet\)/);
    expect(help("backup")).toMatch(
      /--metadata-directive COPY\|REPLACE accepted for compatibility, no effect: a refresh always keeps/,
    );
  });

  it("of all lists every command and exit status", () => {
    const help = generalHelp(commands, wide);
    for (const name of [...names, "help", "version"]) expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
    for (const { exit, meaning } of Object.values(errorTable)) {
      expect(help).toMatch(new RegExp(`^ +${exit}  ${meaning}$`, "m"));
    }
  });

  it("is the same with colours but for the colours", () => {
    const colored = { ...wide, colors: true };
    expect(generalHelp(commands, colored)).not.toBe(generalHelp(commands, wide));
    expect(stripVTControlCharacters(generalHelp(commands, colored))).toBe(generalHelp(commands, wide));
    expect(stripVTControlCharacters(helpOf("list", colored))).toBe(helpOf("list"));
  });
});
